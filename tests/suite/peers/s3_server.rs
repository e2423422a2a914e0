//! moto's S3 server, in a process that is killed with its test. It keeps its objects in memory: what is killed is empty.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use agentsh::sink::Secret;
use agentsh::sink::parquet::S3Config;
use nix::unistd::Pid;

use super::{python_with, script};

/// The server.
pub struct S3Server {
    child: Child,
    python: PathBuf,
    pub endpoint: String,
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _it_may_have_ended = self.child.kill();
        let _it_may_have_been_waited_for = self.child.wait();
    }
}

impl S3Server {
    /// `None` where moto is not installed, which is said for `test`.
    pub fn start(test: &str) -> Option<Self> {
        let python = python_with(test, "moto.server")?;
        let mut child = Command::new(&python)
            .arg(script("s3.py"))
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server = Self { child, python, endpoint: line.trim().to_owned() };
        assert!(server.endpoint.starts_with("http://127.0.0.1:"), "{line}");
        Some(server)
    }

    pub fn addr(&self) -> SocketAddr {
        self.endpoint.strip_prefix("http://").unwrap().parse().unwrap()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Runs `tests/peers/s3.py` on it.
    pub fn tell(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.python)
            .arg(script("s3.py"))
            .args(&arguments[..1])
            .arg(&self.endpoint)
            .args(&arguments[1..])
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Copies the lake of [`s3_config`] into a folder.
    pub fn download(&self, to: &Path) {
        self.download_from("agentsh/events", to);
    }

    /// Copies what has a prefix into a folder.
    pub fn download_from(&self, prefix: &str, to: &Path) {
        let _it_may_not_be_there = std::fs::remove_dir_all(to);
        self.tell(&["download", "lake", &format!("{prefix}/"), to.to_str().unwrap()]);
    }

    /// Uploads in parts that were begun and neither completed nor aborted.
    pub fn unfinished(&self) -> u64 {
        self.tell(&["uploads", "lake"]).trim().parse().unwrap()
    }

    pub fn keys(&self) -> Vec<String> {
        self.tell(&["keys", "lake"]).lines().map(str::to_owned).collect()
    }
}

/// The bucket `lake` at an endpoint.
pub fn s3_config(endpoint: &str) -> S3Config {
    S3Config {
        bucket: "lake".to_owned(),
        prefix: "agentsh/events".to_owned(),
        endpoint: Some(endpoint.to_owned()),
        access_key_id: Some("test".to_owned()),
        secret_access_key: Some(Secret::new("test")),
        allow_http: true,
        ..S3Config::default()
    }
}
