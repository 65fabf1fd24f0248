//! File columns.

use super::{Options, Sandbox};

fn with_file() -> (Sandbox, String) {
    let mut sandbox = Sandbox::with(Options::default());
    let body = r#"{"@odata.type":"Microsoft.Dynamics.CRM.FileAttributeMetadata",
        "SchemaName":"abc_Contract","MaxSizeInKB":1}"#;
    let columns = "EntityDefinitions(LogicalName='account')/Attributes";
    sandbox.post(columns, body).expect(204);
    let id = sandbox.made("accounts", r#"{"name":"A"}"#);
    (sandbox, format!("accounts({id})/abc_contract"))
}

#[test]
fn a_file_goes_up_whole_and_comes_back_whole_or_in_parts() {
    let (mut sandbox, file) = with_file();
    sandbox.get(&file).expect(204);
    sandbox
        .get(&format!("{file}/$value"))
        .refused(404, "0x80040217");
    let name = [("x-ms-file-name", "c.txt"), ("content-type", "text/plain")];
    sandbox
        .call("PATCH", &file, &[], "hello")
        .refused(400, "0x80060888");
    sandbox.call("PATCH", &file, &name, "hello").expect(204);
    let raw = sandbox.get(&format!("{file}/$value")).expect(200);
    assert_eq!(
        (&*raw.text, raw.header("x-ms-file-name")),
        ("hello", "c.txt")
    );
    assert_eq!(raw.header("content-type"), "text/plain");
    let part = [("range", "bytes=1-3")];
    let part = sandbox.call("GET", &file, &part, "").expect(206);
    assert_eq!(part.json()["value"], "ZWxs");
    assert_eq!(part.header("content-range"), "bytes 1-3/5");
    assert!(part.header("content-disposition").contains("c.txt"));
    let beyond = [("range", "bytes=9-12")];
    sandbox.call("GET", &file, &beyond, "").expect(416);
    sandbox.call("DELETE", &file, &[], "").expect(204);
    sandbox.get(&file).expect(204);
}

#[test]
fn chunks_must_follow_each_other_and_fit() {
    let (mut sandbox, file) = with_file();
    let start = [("x-ms-transfer-mode", "chunked"), ("x-ms-file-name", "c")];
    let started = sandbox.call("PATCH", &file, &start, "").expect(200);
    assert!(started.header("x-ms-chunk-size").parse::<usize>().unwrap() > 0);
    let address = started.header("location").to_owned();
    let send = |sandbox: &mut Sandbox, range: &str, body: &str| {
        // Some clients go on saying that the transfer is chunked.
        let headers = [("content-range", range), ("x-ms-transfer-mode", "chunked")];
        sandbox.call("PATCH", &address, &headers, body)
    };
    send(&mut sandbox, "bytes 0-2/6", "abc").expect(206);
    send(&mut sandbox, "bytes 5-5/6", "f").expect(400);
    send(&mut sandbox, "bytes 3-5/9999", "def").refused(400, "0x80044a02");
    send(&mut sandbox, "bytes 3-5/6", "def").expect(204);
    assert_eq!(sandbox.get(&format!("{file}/$value")).text, "abcdef");
    // The session is over.
    send(&mut sandbox, "bytes 0-2/6", "abc").expect(400);
    let name = [("x-ms-file-name", "c")];
    let long = "x".repeat(1025);
    sandbox
        .call("PATCH", &file, &name, &long)
        .refused(400, "0x80044a02");
}
