//! What the kernel answers to a system call, worked out from a thread's filters: about a call that ends the process one can ask
//! as often as one likes.

use seccompiler::BpfProgram;

/// A call as filters see it (`struct seccomp_data`), made on this processor.
#[must_use]
pub fn call(number: i64, args: [u64; 6]) -> [u8; 64] {
    const ARCH: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
    // An int: its low half.
    let number = u32::try_from(number & i64::from(u32::MAX)).unwrap_or_default();
    let words = [number, ARCH, 0, 0].into_iter().flat_map(u32::to_ne_bytes);
    let mut data = [0; 64];
    let bytes = words.chain(args.into_iter().flat_map(u64::to_ne_bytes));
    data.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    data
}

/// `SECCOMP_RET_*` with its data. All filters run, and the lowest signed action wins (seccomp(2)). `None`: one of them is no
/// filter that seccompiler makes.
#[must_use]
pub fn answer(filters: &[BpfProgram], call: &[u8; 64]) -> Option<u32> {
    let answers: Option<Vec<u32>> = filters.iter().map(|program| run(program, call)).collect();
    answers?.into_iter().min_by_key(|answer| answer.cast_signed())
}

/// The part of classic BPF that filters use. Source: linux/bpf_common.h. It only jumps forwards, so it ends.
fn run(program: &BpfProgram, call: &[u8; 64]) -> Option<u32> {
    let (mut at, mut accumulator) = (0_usize, 0_u32);
    loop {
        let i = program.get(at)?;
        let operand = usize::try_from(i.k).ok()?;
        let jump = match i.code {
            0x20 => {
                accumulator = u32::from_ne_bytes(*call.get(operand..)?.first_chunk()?);
                0
            }
            0x54 => {
                accumulator &= i.k;
                0
            }
            0x05 => operand,
            0x15 => usize::from(if accumulator == i.k { i.jt } else { i.jf }),
            0x06 => return Some(i.k),
            _ => return None,
        };
        at = at.checked_add(jump)?.checked_add(1)?;
    }
}
