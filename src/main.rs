//! The `agentsh` binary: reads the command line and hands over to `cli`.

fn main() -> std::process::ExitCode {
    agentsh::cli::main()
}
