//! The seccomp filter of a session as a pure program: which calls wait for the recorder, and which are refused.
//!
//! `execve` and `execveat` wait, so that they can be judged before they happen; `exit_group` waits, so that a process's figures can be
//! read while it still has them. Every other native call passes. Calls of another ABI (32-bit programs, x32) are refused with ENOSYS,
//! since they could start programs unseen: a 32-bit program is refused when it is started (see `resolve`).

/// `AUDIT_ARCH_*` of the calls that a program of this machine makes (`linux/audit.h`).
#[cfg(target_arch = "x86_64")]
const NATIVE: Option<u32> = Some(0xC000_003E);
/// `AUDIT_ARCH_*` of the calls that a program of this machine makes (`linux/audit.h`).
#[cfg(target_arch = "aarch64")]
const NATIVE: Option<u32> = Some(0xC000_00B7);
/// The machine's number is not known here, and then nothing is filtered.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const NATIVE: Option<u32> = None;

/// Set in the number of an x32 call, which comes with the native architecture (`__X32_SYSCALL_BIT`).
const X32: Option<u32> = if cfg!(target_arch = "x86_64") { Some(0x4000_0000) } else { None };

/// Offset of the call's number in `struct seccomp_data`.
const NUMBER: u32 = 0;
/// Offset of the architecture in `struct seccomp_data`.
const ARCHITECTURE: u32 = 4;

/// The calls that wait for the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trapped {
    /// `execve(2)`.
    Execve,
    /// `execveat(2)`.
    Execveat,
    /// `exit_group(2)`.
    ExitGroup,
}

impl Trapped {
    const ALL: [Trapped; 3] = [Trapped::Execve, Trapped::Execveat, Trapped::ExitGroup];

    const fn number(self) -> i64 {
        match self {
            Trapped::Execve => libc::SYS_execve,
            Trapped::Execveat => libc::SYS_execveat,
            Trapped::ExitGroup => libc::SYS_exit_group,
        }
    }

    /// The call with this number, if it is one that waits.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.number() == number)
    }
}

/// The filter; `None` on a machine whose calls it does not know.
#[must_use]
pub fn program() -> Option<Vec<libc::sock_filter>> {
    let native = NATIVE?;
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    let mut program = vec![load(ARCHITECTURE), skip_if_equal(native), answer(refuse), load(NUMBER)];
    if let Some(bit) = X32 {
        program.extend([skip_if_below(bit), answer(refuse)]);
    }
    for call in Trapped::ALL {
        let number = u32::try_from(call.number()).ok()?;
        program.extend([skip_unless_equal(number), answer(libc::SECCOMP_RET_USER_NOTIF)]);
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    Some(program)
}

/// A filter that lets everything pass, to find out whether a listener can be had.
#[must_use]
pub fn probe() -> [libc::sock_filter; 1] {
    [answer(libc::SECCOMP_RET_ALLOW)]
}

const fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

const fn answer(action: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, action)
}

const fn skip_if_equal(value: u32) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, value)
}

const fn skip_unless_equal(value: u32) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, value)
}

const fn skip_if_below(value: u32) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, value)
}

#[expect(clippy::cast_possible_truncation, reason = "an opcode of classic BPF has 16 bits, and libc's constants fit")]
const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}
