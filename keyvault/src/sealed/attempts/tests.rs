use super::*;
use crate::sealed::turns::GRACE;

const SECOND: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(100);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Local programs that a process serves at a time, but for one.
const OTHERS: u64 = 31;

/// Takes no writes, as a full disk does: what is counted is counted in memory.
fn no_disk() -> File {
    File::open("/dev/null").unwrap()
}

fn counted(outside: u32) -> Attempts {
    Attempts::counted(Counts { outside, window: 0 })
}

/// Tries a wrong passphrase; whether it was tried, else how long to wait.
fn wrong(attempts: &mut Attempts, caller: Caller, now: Duration) -> Result<(), Duration> {
    let attempt = Attempt { caller, now };
    let wait = attempts.wait(attempt);
    if !wait.is_zero() {
        return Err(wait);
    }
    attempts.count(caller, &no_disk());
    attempts.failed(attempt);
    Ok(())
}

#[test]
fn five_slips_are_free_and_then_the_wait_doubles_up_to_a_minute() {
    let seconds: Vec<_> = (0..14).map(|wrong| pause(wrong).as_secs()).collect();
    assert_eq!(seconds, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(pause(u32::MAX).as_secs(), 60);
    for caller in [Caller::Start, Caller::Window, Caller::Outside(1)] {
        let mut later = Attempts { outside_last: SECOND * 100, window_last: SECOND * 100, ..counted(9) };
        later.counts.window = 9;
        let wait =
            |attempts: &mut Attempts, at| attempts.wait(Attempt { caller, now: SECOND * at }).as_secs();
        assert_eq!((wait(&mut later, 110), wait(&mut later, 116)), (6, 0), "{caller:?}");
    }
}

#[test]
fn the_window_waits_for_its_own_wrong_ones_alone() {
    let mut attempts = counted(1_000);
    let now = SECOND * 7;
    for slip in 0..5 {
        assert!(attempts.wait(Attempt { caller: Caller::Outside(slip), now }) > Duration::ZERO);
        assert_eq!(wrong(&mut attempts, Caller::Window, now), Ok(()), "slip {slip}");
    }
    assert_eq!(wrong(&mut attempts, Caller::Window, now), Err(SECOND));
    assert_eq!(attempts.counts, Counts { outside: 1_000, window: 5 });
    attempts.forget(&no_disk());
    assert_eq!(attempts.counts, Counts { outside: 0, window: 0 }, "the right one ends it for all");
}

#[test]
fn a_turn_goes_round_and_is_kept_for_ten_seconds() {
    let (mut attempts, first, second, third) =
        (counted(11), Caller::Outside(1), Caller::Outside(2), Caller::Outside(3));
    assert_eq!(wrong(&mut attempts, first, SECOND * 10), Err(SECOND * 50));
    assert_eq!(wrong(&mut attempts, second, SECOND * 20), Err(SECOND * 100), "one after the other");
    assert_eq!(wrong(&mut attempts, third, SECOND * 69), Err(SECOND * 120), "nobody takes another's turn");
    // The first did not come in time: it is behind all others now.
    assert_eq!(wrong(&mut attempts, second, SECOND * 71), Ok(()));
    assert_eq!(wrong(&mut attempts, first, SECOND * 72), Err(SECOND * 119));
    // Who leaves makes room.
    attempts.left(3);
    assert_eq!(wrong(&mut attempts, first, SECOND * 73), Err(SECOND * 58));
    assert_eq!(wrong(&mut attempts, first, SECOND * 131), Ok(()));
}

#[test]
fn who_only_asks_for_its_turn_again_and_again_does_not_keep_it_from_who_waits() {
    let mut attempts = counted(11);
    let (mut now, mut granted) = (SECOND * 60, None);
    let (asks, waits) = (Caller::Outside(1), Caller::Outside(2));
    assert_eq!(attempts.wait(Attempt { caller: asks, now }), Duration::ZERO);
    let came = now;
    while granted.is_none() {
        now += STEP;
        attempts.wait(Attempt { caller: asks, now });
        granted = wrong(&mut attempts, waits, now).is_ok().then_some(now - came);
    }
    assert!(granted <= Some(GRACE + STEP * 2), "{granted:?}");
}

#[test]
fn no_more_places_are_kept_than_a_process_serves_local_programs() {
    let mut attempts = counted(11);
    for number in 0..10_000 {
        assert!(
            attempts.wait(Attempt { caller: Caller::Outside(number), now: Duration::ZERO }) > Duration::ZERO
        );
    }
    assert_eq!(attempts.turns.places(), 32);
}

#[test]
fn what_cannot_be_written_down_is_counted_all_the_same() {
    let mut attempts = Attempts::none();
    for slip in 0..5 {
        assert_eq!(wrong(&mut attempts, Caller::Outside(1), SECOND), Ok(()), "slip {slip}");
    }
    assert_eq!(wrong(&mut attempts, Caller::Outside(1), SECOND), Err(SECOND));
}

/// What a hostile program does ten times a second.
type Hostile = fn(&mut Attempts, step: u64, now: Duration) -> bool;

/// A new connection, one wrong passphrase, and gone.
fn reconnects(attempts: &mut Attempts, step: u64, now: Duration) -> bool {
    let tried = wrong(attempts, Caller::Outside(step + 1_000), now).is_ok();
    attempts.left(step + 1_000);
    tried
}

/// All the connections that there can be, each in its turn.
fn crowds(attempts: &mut Attempts, step: u64, now: Duration) -> bool {
    wrong(attempts, Caller::Outside(1_000 + step % OTHERS), now).is_ok()
}

/// All of them hold places, and only one of them ever tries: whatever it can get.
fn squats(attempts: &mut Attempts, step: u64, now: Duration) -> bool {
    if !step.is_multiple_of(50) {
        return wrong(attempts, Caller::Outside(999), now).is_ok();
    }
    attempts.wait(Attempt { caller: Caller::Outside(1_000 + step / 50 % (OTHERS - 1)), now });
    false
}

/// What came of a day.
struct Day {
    /// How often the owner came.
    came: u32,
    /// The longest that it took.
    longest: Duration,
    /// Made in all.
    tries: u32,
}

/// An owner who was told to wait.
#[derive(Clone, Copy)]
struct Waits {
    since: Duration,
    until: Duration,
}

/// A day beside it: an owner who comes every `every`, waits as told in whole seconds, and tries again until it is tried.
fn day(hostile: Hostile, every: Duration) -> Day {
    let mut attempts = counted(0);
    let (mut came, mut longest, mut tries) = (0, Duration::ZERO, 0);
    // A connection of its own each time.
    let mut waits: Option<Waits> = None;
    let mut next = Duration::from_millis(777);
    let mut now = Duration::ZERO;
    for step in 0.. {
        now += STEP;
        tries += u32::from(hostile(&mut attempts, step, now));
        if waits.is_none() && now >= next {
            came += 1;
            waits = Some(Waits { since: now, until: now });
        }
        if now > DAY {
            break;
        }
        let Some(Waits { since, .. }) = waits.filter(|waits| now >= waits.until) else { continue };
        match wrong(&mut attempts, Caller::Outside(came.into()), now) {
            Ok(()) => {
                (waits, next, tries) = (None, since + every, tries + 1);
                longest = longest.max(now - since);
                attempts.left(came.into());
            }
            Err(wait) => {
                let whole = SECOND * u32::try_from(wait.as_millis().div_ceil(1000)).unwrap();
                waits = Some(Waits { since, until: now + whole });
            }
        }
        assert_eq!(attempts.wait(Attempt { caller: Caller::Window, now }), Duration::ZERO);
    }
    assert!(waits.is_none_or(|waits| now - waits.since <= longest), "it waits for ever");
    Day { came, longest, tries }
}

#[test]
fn an_owner_beside_a_hostile_program_gets_in_every_time_in_a_whole_day() {
    let minute = SECOND * 60;
    for (hostile, every, at_most) in [
        // Not in step with the turns.
        (reconnects as Hostile, minute * 5 + STEP * 173, minute + SECOND * 2),
        (crowds, minute * 45, minute * 34),
        (squats, minute * 45, minute * 38),
    ] {
        let Day { came, longest, tries } = day(hostile, every);
        println!("figure: {came} times, at most {longest:?}; {tries} tries in a day");
        assert!(u128::from(came) >= DAY.as_millis() / every.as_millis(), "{came}");
        assert!(longest <= at_most, "{longest:?}");
        assert!(tries <= 1_440 + 11, "{tries} tries in a day");
    }
}
