//! Standard error that nothing reads.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use testbed::client::addresses;
use testbed::http::{get, try_get};
use testbed::{Client, eventually, port, query};
use upstream::Upstream;

use crate::{PROGRAM, SOON};

/// Killed, and waited for, with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_full_pipe_holds_up_no_answer() {
    let upstream = Upstream::builder()
        .zone("test.", "* 60 A 10.0.0.2")
        .start()
        .unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let errors = writer.try_clone().unwrap();
    // More than any pipe holds: it waits for the reader, and so does the next line
    // of the proxy.
    let filler = std::thread::spawn(move || writer.write_all(&vec![b'.'; 2 << 20]));
    let [listen, metrics, admin] = [(); 3].map(|()| port::free(Ipv4Addr::LOCALHOST).unwrap());
    let mut command = Command::new(PROGRAM);
    command.arg("run").args(["--listen", &listen.to_string()]);
    command.args(["--metrics", &metrics.to_string(), "--admin", &admin.to_string()]);
    command.args(["--upstream", &upstream.addr().to_string()]);
    command.stdout(Stdio::null()).stderr(errors);
    let running = Running(command.spawn().unwrap());
    // Its own copy of the pipe goes with it.
    drop(command);

    let ready = || try_get(metrics, "/readyz").is_ok_and(|page| page.status == 200);
    assert!(eventually(SOON, ready), "not ready beside a full pipe");
    let client = Client::new(listen);
    for n in 0..50 {
        for answer in [
            client.udp(&query(&format!("n{n}.test."), "A")),
            client.tcp(&query(&format!("n{n}.test."), "A")),
        ] {
            assert_eq!(addresses(&answer.unwrap()).len(), 1);
        }
    }
    assert_eq!(get(metrics, "/livez").body, "ok\n");

    // The lines that waited come as soon as there is a reader.
    let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("serving")));
    drop(running);
    lines.for_each(drop);
    filler.join().unwrap().unwrap();
}
