//! Calls servers over TLS that ask for a certificate of the client's.

mod specs;

use models::tfs::{Code, Connection};
use specs::{half, run, setting};

#[test]
fn certificates_both_ways() {
    let file = |name| std::fs::read(setting(name)).unwrap();
    let (ca, cert, key) = (
        file("TFSCLIENT_CA"),
        file("TFSCLIENT_CERT"),
        file("TFSCLIENT_KEY"),
    );
    run(async {
        for target in setting("TFSCLIENT_TLS").split(' ') {
            let known = || Connection::builder(target).client_identity(cert.clone(), key.clone());
            let good = known().ca(ca.clone());
            let model = good.open().unwrap().model("half_plus_two", specs::HALVES);
            assert_eq!(half(&model, 2.0).await.unwrap(), 4.0);
            let named = |name| known().ca(ca.clone()).server_name(name).open().unwrap();
            let model = named("localhost").model("half_plus_two", specs::HALVES);
            assert_eq!(half(&model, 2.0).await.unwrap(), 4.0);
            let model = named("elsewhere.example").model("half_plus_two", specs::HALVES);
            let error = half(&model, 2.0).await.unwrap_err();
            assert_eq!(error.code(), Code::Unavailable);
            assert!(error.message().contains("certificate"), "{error}");
            for bad in [known(), Connection::builder(target).ca(ca.clone())] {
                let model = bad.open().unwrap().model("half_plus_two", specs::HALVES);
                let error = half(&model, 2.0).await.unwrap_err();
                assert_eq!(error.code(), Code::Unavailable, "{error}");
            }
        }
    });
}
