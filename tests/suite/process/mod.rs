//! Tests: process.
mod tape;
use tape::*;

#[test]
fn bench_it() {
    let script = "i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done";
    for _ in 0..4 {
        let t = std::time::Instant::now();
        std::process::Command::new("sh").args(["-c", script]).status().unwrap();
        let native = t.elapsed();
        let tape = Tape::default();
        let t = std::time::Instant::now();
        let o = Setup::shell(script).run(&tape);
        let captured = t.elapsed();
        assert_eq!(o.processes, 1001);
        eprintln!("native {native:?} captured {captured:?} {}", captured.as_secs_f64()/native.as_secs_f64());
    }
}
