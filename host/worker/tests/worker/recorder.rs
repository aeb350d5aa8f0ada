//! Calls of lanes as they are kept: under ids of their own, and as news for who waits.

use std::sync::{Arc, Mutex};

use millstream_core::{
    journal::{Place, Room},
    name::FunctionName,
    port::{Call, Invoke, InvokeError, Invoked, Journals, LogLine},
};
use millstream_worker::{Recorder, RecorderOptions};
use serde_json::json;
use tokio::time::{Duration, timeout};

use crate::{
    function::{self, Function},
    host::{Host, clock},
};

fn recorder(function: &Arc<Function>) -> Arc<Recorder> {
    let options = RecorderOptions {
        room: Room::default(),
        memory_bytes_max: 64 << 20,
        host: 7,
        clock,
    };
    Recorder::new(Arc::clone(function) as Arc<dyn Invoke>, options)
}

fn name(text: &str) -> FunctionName {
    text.try_into().unwrap()
}

/// The text of a function's log from there on.
fn text(recorder: &Recorder, function: &str, from: Place) -> String {
    let calls = recorder.read(&name(function), from);
    let lines = calls.iter().flat_map(|kept| kept.lines());
    lines.map(|(_, line)| line.text + "\n").collect()
}

/// The calls that a lane makes for one record that fails twice.
async fn calls() -> Vec<Call> {
    let mut host = Host::new(1).await;
    let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
    let seen = Arc::clone(&calls);
    host.function.does(move |call| {
        seen.lock().unwrap().push(call.clone());
        async move {
            match call.attempt {
                1 | 2 => function::error("not yet"),
                _ => function::echo(&call.batch),
            }
        }
    });
    host.trigger("t", json!({"batch_size": 10})).await;
    host.put("k", &["a"]);
    host.until("the record", |host| host.out().len() == 1).await;
    let calls = calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 3);
    calls
}

#[tokio::test(start_paused = true)]
async fn each_try_of_a_batch_has_an_id_of_its_own() {
    let calls = calls().await;
    for (at, call) in calls.iter().enumerate() {
        assert_eq!(call.number, None);
        let others = calls.iter().enumerate().filter(|(other, _)| *other != at);
        assert!(
            others
                .into_iter()
                .all(|(_, other)| other.request != call.request)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_kept_with_what_it_said_and_why_it_failed() {
    let call = Call {
        number: Some(3),
        ..calls().await.remove(0)
    };
    let function = Function::echo();
    let recorder = recorder(&function);
    function.does(|_| async {
        function::error("no room").map(|invoked| Invoked {
            logs: vec![LogLine {
                level: 2,
                message: "a line".to_owned(),
            }],
            ..invoked
        })
    });
    recorder.call(call.clone()).await.unwrap();
    let id = call.request;
    let expected = format!(
        "START RequestId: {id} Version: 3\na line\nRequestId: {id} Error: no room\nError\n\
         END RequestId: {id}\nREPORT RequestId: {id}\tDuration: 0.00 ms\tBilled Duration: 0 ms\t\
         Memory Size: 64 MB\tMax Memory Used: 0 MB\tStatus: error\tError Type: Error\t\n"
    );
    assert_eq!(text(&recorder, "f", Place::START), expected);
    assert_eq!(recorder.functions().len(), 1);
    // What could not be called has said nothing.
    function.does(|_| async { Err(InvokeError::Throttled) });
    recorder.call(call).await.unwrap_err();
    assert_eq!(text(&recorder, "f", Place::START), expected);
}

#[tokio::test(start_paused = true)]
async fn who_waits_hears_of_the_next_call_of_that_function_only() {
    let call = calls().await.remove(0);
    let other = Call {
        function: name("g"),
        ..call.clone()
    };
    let recorder = recorder(&Function::echo());
    let mut waiting = recorder.grown(&name("f"), Place::START);
    let later = Duration::from_secs(60);
    assert!(timeout(later, &mut waiting).await.is_err());
    recorder.call(other).await.unwrap();
    assert!(timeout(later, &mut waiting).await.is_err());
    recorder.call(call.clone()).await.unwrap();
    waiting.await;
    // What is there already is not waited for, and what was seen is no news.
    recorder.grown(&name("f"), Place::START).await;
    let calls = recorder.read(&name("f"), Place::START);
    let (last, _) = calls[0].lines().last().unwrap();
    let mut next = recorder.grown(&name("f"), last.next());
    assert!(timeout(later, &mut next).await.is_err());
    recorder.call(call).await.unwrap();
    next.await;
}
