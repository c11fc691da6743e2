//! What a running process can be seen to have from outside, where any user of the machine may look: its limits, its root, its
//! user map and its network interfaces. Held against its report and its profile, so that nobody's own word is all there is.

use std::fs;
use std::io;

use crate::audit::Report;
use crate::namespaces::Namespaces;
use crate::resource::Resource;

/// What /proc says of one process, beside its [`crate::Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    limits: String,
    mounts: String,
    user_map: String,
    interfaces: String,
    /// The inode numbers of its and the looking process's network namespace; root alone may ask.
    network: Option<(u64, u64)>,
}

impl Outside {
    /// Looks at `pid`.
    ///
    /// # Errors
    /// It is gone, or hidden from this user (`hidepid`).
    pub fn look(pid: u32) -> io::Result<Self> {
        // A folder that is mounted may be called by any bytes; what is looked for here is ASCII.
        let read = |name: &str| {
            let bytes = fs::read(format!("/proc/{pid}/{name}"))?;
            io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(Self {
            limits: read("limits")?,
            mounts: read("mountinfo")?,
            user_map: read("uid_map")?,
            interfaces: read("net/dev")?,
            network: network_of(&pid.to_string()).zip(network_of("self")),
        })
    }

    /// Walls that the report claims or the profile sets, and that are not there. Empty is good.
    #[must_use]
    pub fn contradicts(&self, report: &Report) -> Vec<&'static str> {
        let has = |wanted| report.namespaces.contains(wanted);
        let foreign = has(Namespaces::USER) && !self.own_users()
            || has(Namespaces::MOUNT) && !self.own_root()
            || has(Namespaces::NETWORK) && !self.own_network();
        let checks = [
            (foreign, "namespaces"),
            (self.hard(Resource::Core) != Some(0), "core"),
            (report.profile.landlock && !self.is_limited(report), "limits"),
        ];
        checks.into_iter().filter(|(worse, _)| *worse).map(|(_, name)| name).collect()
    }

    /// Every resource of the profile is bounded as it says, or closer.
    fn is_limited(&self, report: &Report) -> bool {
        let counts = |resource: Resource| resource.counts_in(report.namespaces);
        let mut rows = report.profile.limits().filter(|limit| counts(limit.resource));
        rows.all(|limit| self.hard(limit.resource).is_some_and(|hard| hard <= limit.most))
    }

    /// The hard limit of `resource`; `None` for unlimited.
    #[must_use]
    pub fn hard(&self, resource: Resource) -> Option<u64> {
        let line = self.limits.lines().find_map(|line| line.strip_prefix(resource.line()))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// One user, who is not mapped to root.
    fn own_users(&self) -> bool {
        let [inside, _, count] = self.user_map.split_whitespace().collect::<Vec<_>>()[..] else {
            return false;
        };
        inside != "0" && count == "1"
    }

    /// The root is an empty file system in memory that nobody writes to, and nothing on it gains by set-uid bits or devices.
    fn own_root(&self) -> bool {
        let mut mounts = self.mounts.lines().filter_map(Mount::parse);
        let root = mounts.next().filter(|mount| mount.at == "/");
        root.is_some_and(|root| root.kind == "tmpfs" && root.has("ro") && root.has("noexec"))
            && self
                .mounts
                .lines()
                .filter_map(Mount::parse)
                .all(|mount| mount.has("nosuid") && mount.has("nodev"))
    }

    /// Nothing but the loopback, and not the one of whoever looks.
    fn own_network(&self) -> bool {
        let mut names = self.interfaces.lines().skip(2).filter_map(|line| line.split(':').next());
        names.all(|name| name.trim() == "lo") && self.network.is_none_or(|(its, ours)| its != ours)
    }
}

fn network_of(process: &str) -> Option<u64> {
    let link = fs::read_link(format!("/proc/{process}/ns/net")).ok()?;
    link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// A line of mountinfo: "id parent major:minor root AT OPTIONS optional… - KIND source options". Source: proc(5).
struct Mount<'a> {
    at: &'a str,
    options: &'a str,
    kind: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split(' ').skip(4);
        let (at, options) = (words.next()?, words.next()?);
        let kind = words.skip_while(|word| *word != "-").nth(1)?;
        Some(Self { at, options, kind })
    }

    fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|had| had == option)
    }
}

/// Who may look into and control other processes of the same user, by Yama: 0 or `None` (no Yama) is everybody.
#[must_use]
pub fn ptrace_scope() -> Option<u8> {
    fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::sample;
    use crate::profiles::{MEDIAD, NETD};
    use crate::sys::Capabilities;

    fn report() -> Report {
        let capabilities = Capabilities::default();
        Report { pid: 1, descriptors: 32, locked_bytes: 0, open_files: 4, capabilities, ..sample(&MEDIAD) }
    }

    fn limits() -> String {
        let header = "Limit                     Soft Limit           Hard Limit           Units     \n";
        let rows = MEDIAD
            .limits()
            .map(|limit| format!("{:<26}{:<21}{:<21}x\n", limit.resource.line(), limit.most, limit.most));
        header.to_owned() + &rows.collect::<String>()
    }

    /// A process that has all that the report says.
    fn seen() -> Outside {
        Outside {
            limits: limits(),
            mounts: "60 50 0:40 / / ro,nosuid,nodev,noexec,relatime shared:7 - tmpfs none rw,size=64k\n\
                61 60 254:0 /home/p /home/p rw,nosuid,nodev,noexec - ext4 /dev/vda rw\n"
                .into(),
            user_map: "      1000       1001          1\n".into(),
            interfaces: "Inter-| Receive\n face |bytes\n    lo:       0       0\n".into(),
            network: Some((2, 1)),
        }
    }

    #[test]
    fn a_process_that_has_what_it_says_is_believed() {
        assert_eq!(seen().contradicts(&report()), [""; 0]);
        // Where it claims nothing, the old root and the user's own map are no contradiction, and threads are not bounded.
        let open = Outside {
            mounts: String::new(),
            user_map: "0 0 4294967295".into(),
            network: Some((1, 1)),
            ..seen()
        };
        let open = Outside { limits: limits().replace("Max processes", "Max other"), ..open };
        assert_eq!(open.contradicts(&Report { namespaces: Namespaces::NONE, ..report() }), [""; 0]);
        assert_eq!(
            open.contradicts(&Report { namespaces: Namespaces::USER, ..report() }),
            ["namespaces", "limits"]
        );
    }

    #[test]
    fn every_claim_that_the_kernel_does_not_bear_out_is_named() {
        let mounts = |from: &str, to: &str| Outside { mounts: seen().mounts.replace(from, to), ..seen() };
        for other in [
            Outside { user_map: "0 0 4294967295".into(), ..seen() },
            Outside { user_map: "0 1001 1".into(), ..seen() },
            mounts("/ / ro", "/ / rw"),
            mounts("tmpfs none", "ext4 tmpfs"),
            mounts("rw,nosuid", "rw"),
            mounts("nodev,noexec - ext4", "noexec - ext4"),
            Outside { mounts: String::new(), ..seen() },
            Outside { interfaces: seen().interfaces + "  eth0: 1\n", ..seen() },
            Outside { network: Some((7, 7)), ..seen() },
        ] {
            assert_eq!(other.contradicts(&report()), ["namespaces"], "{other:?}");
        }
        for limit in MEDIAD.limits().filter(|limit| limit.resource != Resource::Core) {
            let wider = limits().replace(
                &format!("{:<26}{:<21}{:<21}", limit.resource.line(), limit.most, limit.most),
                &format!("{:<26}{:<21}{:<21}", limit.resource.line(), limit.most, "unlimited"),
            );
            assert_eq!(Outside { limits: wider, ..seen() }.contradicts(&report()), ["limits"], "{limit:?}");
        }
        let core = Outside {
            limits: limits().replace(
                "Max core file size        0                    0",
                "Max core file size        0                    9",
            ),
            ..seen()
        };
        assert_eq!(core.contradicts(&report()), ["core", "limits"]);
    }

    #[test]
    fn a_profile_with_the_internet_shares_its_interfaces() {
        let netd = Report { profile: &NETD, namespaces: Namespaces(15), ..report() };
        let seen = Outside { interfaces: seen().interfaces + "  eth0: 1\n", network: Some((1, 1)), ..seen() };
        assert!(!seen.contradicts(&netd).contains(&"namespaces"));
    }

    #[test]
    fn this_process_can_be_looked_at_and_one_that_never_was_cannot() {
        let own = Outside::look(std::process::id()).unwrap();
        assert!(!own.own_root() && own.hard(Resource::Descriptors).is_some());
        let (its, ours) = own.network.unwrap();
        let link = format!("net:[{its}]");
        assert!(its == ours && fs::read_link("/proc/self/ns/net").unwrap().to_str() == Some(&link));
        assert!(Outside::look(u32::MAX).is_err());
    }

    #[test]
    fn what_yama_says_is_told_and_nothing_where_there_is_none() {
        let said = fs::read("/proc/sys/kernel/yama/ptrace_scope").ok();
        assert_eq!(ptrace_scope().map(|scope| vec![b'0' + scope, b'\n']), said);
    }
}
