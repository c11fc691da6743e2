//! How each kind of field of a call is read and written.

/// One value, read and written by its kind: `fixed` bytes, `exactly` so many or one of the `sized`, `bytes`, `text` or a `secret` up to a bound, fixed bytes or nothing
/// (`optional`), a `relay`, a `list` of fixed bytes, of `ids`, `names`, `relays` or `hints` up to a bound, a `part` that reads and writes itself (a `group`
/// where it is one of a union) or up to so many `parts`, a `word` of a schema's enum, a `number`, a `capability`, or `nothing`.
macro_rules! value {
    (read fixed $value:expr) => {
        $crate::edge::fixed($value?)?
    };
    (read bytes($most:expr) $value:expr) => {
        $crate::edge::bounded($value?, $most)?
    };
    (read exactly($bytes:expr) $value:expr) => {
        $crate::edge::fixed::<{ $bytes }>($value?)?.to_vec()
    };
    (read sized($sizes:expr) $value:expr) => {
        $crate::edge::sized($value?, &$sizes)?
    };
    (read text($most:expr) $value:expr) => {
        $crate::edge::text($value?, $most)?
    };
    (read names($most:expr) $value:expr) => {
        $crate::edge::listed($value?.iter(), $most, |item| {
            $crate::edge::text(item?, $crate::limits::MESSAGE_ID_MAX_CHARS)
        })?
    };
    (read secret($most:expr) $value:expr) => {
        ::zeroize::Zeroizing::new($crate::edge::bounded($value?, $most)?)
    };
    (read optional $value:expr) => {
        $crate::edge::optional($value?)?
    };
    (read relay $value:expr) => {
        $crate::relay::RelayId($crate::edge::fixed($value?)?)
    };
    (read list($most:expr) $value:expr) => {
        $crate::edge::listed($value?.iter(), $most, |item| $crate::edge::fixed(item?))?
    };
    (read ids($most:expr) $value:expr) => {
        $crate::edge::listed($value?.iter(), $most, |id| Ok(id.into()))?
    };
    (read relays($most:expr) $value:expr) => {
        $crate::edge::listed($value?.iter(), $most, |relay| {
            Ok($crate::relay::RelayId($crate::edge::fixed(relay?)?))
        })?
    };
    (read hints($most:expr) $value:expr) => {
        $crate::edge::listed($value?.iter(), $most, |hint| {
            $crate::relay::Hint::parse(hint?).map_err(|_| $crate::edge::Malformed)
        })?
    };
    (read parts($most:expr) $value:expr) => {
        $crate::edge::listed($value?.iter(), $most, $crate::edge::Part::read)?
    };
    (read part $value:expr) => {
        $crate::edge::Part::read($value?)?
    };
    (read group $value:expr) => {
        $crate::edge::Part::read($value)?
    };
    (read word $value:expr) => {
        $value?.into()
    };
    (read number $value:expr) => {
        $value.into()
    };
    (read capability $value:expr) => {
        $value?
    };
    (read nothing $value:expr) => {
        $value
    };
    (write fixed $to:ident $set:ident $value:expr) => {
        $to.$set($value)
    };
    (write bytes($most:expr) $to:ident $set:ident $value:expr) => {
        $to.$set($value)
    };
    (write exactly($bytes:expr) $to:ident $set:ident $value:expr) => {
        $to.$set($value)
    };
    (write sized($sizes:expr) $to:ident $set:ident $value:expr) => {
        $to.$set($value)
    };
    (write text($most:expr) $to:ident $set:ident $value:expr) => {
        $to.$set($value.as_str())
    };
    (write names($most:expr) $to:ident $set:ident $value:expr) => {{
        let mut list = $to.reborrow().$set($crate::edge::length($value.len()));
        for (at, item) in (0..).zip($value) {
            list.set(at, item.as_str());
        }
    }};
    (write secret($most:expr) $to:ident $set:ident $value:expr) => {
        $to.$set($value)
    };
    (write optional $to:ident $set:ident $value:expr) => {
        $to.$set($value.as_ref().map_or(&[], |bytes| bytes))
    };
    (write relay $to:ident $set:ident $value:expr) => {
        $to.$set(&$value.0)
    };
    (write list($most:expr) $to:ident $set:ident $value:expr) => {{
        let mut list = $to.reborrow().$set($crate::edge::length($value.len()));
        for (at, item) in (0..).zip($value) {
            list.set(at, item);
        }
    }};
    (write ids($most:expr) $to:ident $set:ident $value:expr) => {{
        let mut list = $to.reborrow().$set($crate::edge::length($value.len()));
        for (at, id) in (0..).zip($value) {
            list.set(at, (*id).into());
        }
    }};
    (write relays($most:expr) $to:ident $set:ident $value:expr) => {{
        let mut list = $to.reborrow().$set($crate::edge::length($value.len()));
        for (at, relay) in (0..).zip($value) {
            list.set(at, &relay.0);
        }
    }};
    (write hints($most:expr) $to:ident $set:ident $value:expr) => {{
        let mut list = $to.reborrow().$set($crate::edge::length($value.len()));
        for (at, hint) in (0..).zip($value) {
            list.set(at, &hint.pack());
        }
    }};
    (write parts($most:expr) $to:ident $set:ident $value:expr) => {{
        let mut list = $to.reborrow().$set($crate::edge::length($value.len()));
        for (at, part) in (0..).zip($value) {
            $crate::edge::Part::write(part, list.reborrow().get(at));
        }
    }};
    (write part $to:ident $set:ident $value:expr) => {
        $crate::edge::Part::write($value, $to.reborrow().$set())
    };
    (write group $to:ident $set:ident $value:expr) => {
        $crate::edge::Part::write($value, $to.$set())
    };
    (write word $to:ident $set:ident $value:expr) => {
        $to.$set((*$value).into())
    };
    (write number $to:ident $set:ident $value:expr) => {
        $to.$set((*$value).into())
    };
    (write capability $to:ident $set:ident $value:expr) => {
        $to.$set($value.clone())
    };
    (write nothing $to:ident $set:ident $value:expr) => {
        $to.$set(*$value)
    };
}

pub(crate) use value;
