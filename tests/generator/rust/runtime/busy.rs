//! Calls a server that has fewer threads than there are calls.

mod specs;

use models::tfs::CallOptions;
use specs::{half, open, run, setting};

#[test]
fn many_calls_at_once() {
    run(async {
        let options = CallOptions::new().verify().retries(0);
        let target = setting("TFSCLIENT_GRPC");
        let model = open(&target, "half_plus_two", specs::HALVES).with(options);
        let mut calls = tokio::task::JoinSet::new();
        for i in 0..64u8 {
            let model = model.clone();
            calls.spawn(async move {
                for _ in 0..10 {
                    let x = f32::from(i);
                    assert_eq!(half(&model, x).await.unwrap(), x / 2.0 + 3.0);
                }
            });
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap();
        }
    });
}
