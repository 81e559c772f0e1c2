//! From when to when a certificate holds, RFC 5280 §4.1.2.5. As much of DER as that takes: a parser of certificates would bring a
//! dozen crates for two dates.

use std::time::{Duration, SystemTime};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// From when to when a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: SystemTime,
    pub(super) to: SystemTime,
}

impl Validity {
    /// Reads it from a certificate as DER; `None` if that is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let certificate = take(&mut { certificate }, SEQUENCE)?;
        let mut fields = take(&mut { certificate }, SEQUENCE)?;
        // The version may be left out.
        let _ = take(&mut fields, VERSION);
        let _serial = take(&mut fields, INTEGER)?;
        let _algorithm = take(&mut fields, SEQUENCE)?;
        let _issuer = take(&mut fields, SEQUENCE)?;
        let mut validity = take(&mut fields, SEQUENCE)?;
        Some(Self {
            from: time(&mut validity)?,
            to: time(&mut validity)?,
        })
    }

    /// How long there is until two thirds of it are over, when it is time for the next.
    pub(super) fn left(self, now: SystemTime) -> Duration {
        let whole = self.to.duration_since(self.from).unwrap_or_default();
        let renewal = self.from + whole * 2 / 3;
        renewal.duration_since(now).unwrap_or_default()
    }
}

/// Takes one value with this tag off the front; nothing if there is another.
fn take<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&found, rest) = input.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            (
                digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)),
                rest,
            )
        }
        // No certificate is that long.
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    if found != tag {
        return None;
    }
    *input = rest;
    Some(value)
}

/// A time to the second, in UTC: nothing else may stand in a certificate.
fn time(input: &mut &[u8]) -> Option<SystemTime> {
    let (text, digits) = match take(input, UTC_TIME) {
        Some(text) => (text, 2),
        None => (take(input, GENERALIZED_TIME)?, 4),
    };
    let text = str::from_utf8(text.strip_suffix(b"Z")?).ok()?;
    let (year, rest) = text.split_at_checked(digits)?;
    if rest.len() != 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |at: usize| rest[at..at + 2].parse::<i64>().ok();
    let year = match (year.parse::<i64>().ok()?, digits) {
        (year @ 0..50, 2) => 2000 + year,
        (year, 2) => 1900 + year,
        (year, _) => year,
    };
    let days = days(year, number(0)?, number(2)?)?;
    let seconds = days * 86_400 + number(4)? * 3600 + number(6)? * 60 + number(8)?;
    // Before 1970 is as good as 1970: it is over.
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64))
}

/// The days from the beginning of 1970 to a date.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // A year that begins in March has its leap day at its end.
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(time: SystemTime) -> u64 {
        time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
    }

    #[test]
    fn dates_are_read_from_certificates() {
        let key = rcgen::KeyPair::generate().unwrap();
        for ((from, to), expected) in [
            (((2020, 2, 29), (2049, 12, 31)), (1_582_934_400, 2_524_521_600)),
            (((1999, 12, 31), (2050, 1, 1)), (946_598_400, 2_524_608_000)),
            (((1970, 1, 1), (4000, 3, 1)), (0, 64_065_772_800)),
        ] {
            let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
            params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
            let certificate = params.self_signed(&key).unwrap();
            let validity = Validity::of(certificate.der()).unwrap();
            assert_eq!((seconds(validity.from), seconds(validity.to)), expected);
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_dates() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
        let whole = params.self_signed(&key).unwrap().der().to_vec();
        for length in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..length]), None, "{length}");
        }
        assert_eq!(Validity::of(b"\x30\x84\xff\xff\xff\xff"), None);
    }

    #[test]
    fn it_is_time_for_the_next_when_two_thirds_are_over() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let validity = Validity {
            from: at(1000),
            to: at(4000),
        };
        assert_eq!(validity.left(at(1000)), Duration::from_secs(2000));
        assert_eq!(validity.left(at(2900)), Duration::from_secs(100));
        assert_eq!(validity.left(at(3000)), Duration::ZERO);
        assert_eq!(validity.left(at(9000)), Duration::ZERO);
    }
}
