//! Calls servers that answer wrongly, slowly or not at all.

mod specs;

use std::time::{Duration, Instant};

use models::tfs::{CallOptions, Code};
use specs::{column, open, predict, run, setting};

/// When a call has not ended in time: whoever drips does so for longer.
const LATE: Duration = Duration::from_secs(15);

/// Whose answers are a status of no versions.
const EMPTY: [&str; 3] = [
    "sends an empty message",
    "sends nothing but groups",
    "says that its rank is unknown",
];

/// A line of the file has what a server does, its address, the codes that are right, and whether the answer
/// is bad.
#[test]
fn calls_end_in_time_with_the_right_error() {
    let servers = std::fs::read_to_string(setting("TFSCLIENT_TOXIC")).unwrap();
    let before = descriptors();
    run(async {
        let mut calls = tokio::task::JoinSet::new();
        for line in servers.lines() {
            let words: Vec<_> = line.split('\t').map(str::to_owned).collect();
            calls.spawn(check(words));
        }
        let mut wrong = Vec::new();
        while let Some(done) = calls.join_next().await {
            wrong.extend(done.unwrap());
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
    assert!(descriptors() <= before, "{} files are open", descriptors());
}

async fn check(words: Vec<String>) -> Vec<String> {
    let [name, target, codes, bad] = &words[..] else {
        return vec![format!("{words:?}")];
    };
    let late = codes == Code::DeadlineExceeded.name();
    let bound = Duration::from_millis(if late { 1200 } else { 60_000 });
    let options = CallOptions::new().timeout(bound).retries(0);
    let model = open(target, "half_plus_two", specs::HALVES).with(options);
    let rows = if name == "reads slowly" { 2_500_000 } else { 1 };
    let began = Instant::now();
    let answer = predict(&model, &specs::HALF, vec![column(&vec![0.0; rows])]).await;
    let mut wrong = Vec::new();
    if began.elapsed() > LATE {
        wrong.push(format!(
            "a server that {name}: the call took {:?}",
            began.elapsed()
        ));
    }
    match answer {
        Err(error) => {
            let known = codes.split(' ').any(|code| code == error.code().name());
            if !known || error.is_bad_answer() != (bad == "bad") || error.target() != target {
                wrong.push(format!("a server that {name}: {error}, not {codes} {bad}"));
            }
            if name == "hangs up in its body" && error.message().contains("TLS") {
                wrong.push(format!("a server that {name} began an answer: {error}"));
            }
        }
        Ok(answer) => wrong.push(format!("a server that {name}: {answer:?}")),
    }
    if !EMPTY.contains(&name.as_str()) {
        if let Ok(versions) = model.status().await {
            wrong.push(format!("the status of a server that {name}: {versions:?}"));
        }
        if let Ok(metadata) = model.metadata().await {
            wrong.push(format!(
                "the metadata of a server that {name}: {metadata:?}"
            ));
        }
    }
    wrong
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
