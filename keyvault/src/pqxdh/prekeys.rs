//! The private side of a bundle.

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::bundle::{self, Bundle};
use super::kem::KemSecret;
use crate::agreement_key::AgreementSecret;
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::Identity;

/// From when to when a signed key may be used, seconds since 1970, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub from: u32,
    /// Last second.
    pub until: u32,
}

impl Validity {
    /// From a day before `now`, because clocks differ, to `until`.
    #[must_use]
    pub fn until(now: Timestamp, until: Timestamp) -> Self {
        const SKEW_SECONDS: u32 = 24 * 60 * 60;
        Self { from: seconds(now).saturating_sub(SKEW_SECONDS), until: seconds(until) }
    }

    pub(super) fn holds(self, now: Timestamp) -> bool {
        (self.from..=self.until).contains(&seconds(now))
    }
}

/// Seconds since 1970 in four bytes, good until 2106.
pub(crate) fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.0 / 1_000).unwrap_or(u32::MAX)
}

/// The private keys behind one bundle, with the bundle as it was given out.
#[derive(Clone)]
pub struct Prekeys {
    pub(super) signed: AgreementSecret,
    pub(super) one_time: AgreementSecret,
    pub(super) kem: KemSecret,
    pub(super) bundle: Bundle,
}

impl Prekeys {
    /// Fresh keys of `identity` for one invite: every one of them is used once.
    pub fn generate(identity: &Identity, validity: Validity, rng: &mut impl CryptoRng) -> Self {
        let signed = AgreementSecret::generate(rng);
        let one_time = AgreementSecret::generate(rng);
        let kem = KemSecret::generate(rng);
        let ids = [(); 3].map(|()| nonzero(rng));
        let keys = bundle::PublicKeys {
            signed: signed.public(),
            one_time: one_time.public(),
            kem: kem.encapsulation_key(),
        };
        let bundle = Bundle::sign(identity, ids, &keys, validity);
        Self { signed, one_time, kem, bundle }
    }

    /// What the other side is given.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        self.signed.write(writer);
        self.one_time.write(writer);
        writer.put(self.kem.seed());
        writer.put(self.bundle.bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let signed = AgreementSecret::read(reader)?;
        let one_time = AgreementSecret::read(reader)?;
        let kem = KemSecret::from_seed(reader.secret()?);
        let bundle = Bundle::parse(reader.take(super::BUNDLE_BYTES)?).map_err(|_| Malformed)?;
        Ok(Self { signed, one_time, kem, bundle })
    }

    /// The ratchet key that the initiator starts from.
    #[must_use]
    pub fn signed_prekey(&self) -> &AgreementSecret {
        &self.signed
    }
}

impl std::fmt::Debug for Prekeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prekeys(..)")
    }
}

/// A key id; 0 stands for *none* in a first message.
fn nonzero(rng: &mut impl CryptoRng) -> u32 {
    rng.next_u32().max(1)
}
