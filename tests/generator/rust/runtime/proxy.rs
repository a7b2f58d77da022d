//! Calls REST through a proxy that the environment names and that does not answer.

mod specs;

use models::tfs::{CallOptions, Code};
use specs::{half, open, run};

#[test]
fn a_proxy_that_fails_is_named() {
    run(async {
        let model = open("http://host.example:8501", "half_plus_two", specs::HALVES);
        let model = model.with(CallOptions::new().retries(0));
        let error = half(&model, 1.0).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable, "{error}");
        assert!(
            error
                .message()
                .contains("calls go through the proxy http://"),
            "{error}"
        );
        assert!(error.message().contains("127.0.0.1:1"), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("s3cret"),
            "{error:?}"
        );
    });
}
