//! Signature checks over raw bytes, for every provider by one function.
//!
//! What differs between providers is data (a [`Scheme`], a row of `providers.json`): where the signature stands, how it
//! is encoded, which bytes it covers and where the timestamp is. A new provider is a new row. Checks are pure: the caller
//! passes headers, body, secrets and the time. MACs are compared in constant time, and every active secret is tried
//! whether or not an earlier one fits, so the time taken does not tell which one did.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::time::Timestamp;

/// How one provider signs the requests it sends us.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// The scheme's name within its provider.
    pub name: String,
    /// What it is, in one sentence.
    pub about: String,
    /// The provider's page that says so.
    pub page: String,
    /// What is computed.
    pub algorithm: Algorithm,
    /// Where the signature stands.
    pub signature: Place,
    /// What stands before the encoded signature (`v0=`).
    #[serde(default)]
    pub prefix: String,
    /// How the signature is written.
    pub encoding: Encoding,
    /// The bytes the MAC covers, in order.
    pub message: Vec<Part>,
    /// Where the signed timestamp stands; schemes without one cannot tell how old a request is.
    #[serde(default)]
    pub timestamp: Option<TimestampRule>,
    /// What the request says once its signature is found good.
    pub payload: Place,
    /// A secret that the provider publishes for trying things out, which therefore proves nothing.
    #[serde(default)]
    pub public_test_secret: Option<String>,
}

/// What is computed over the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// HMAC (RFC 2104) with SHA-256.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// HMAC (RFC 2104) with SHA-512.
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
    /// Nothing: the secret itself is sent. Weaker, and all that some providers can do.
    #[serde(rename = "static")]
    Static,
}

/// Where in a request something stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The whole body.
    Body,
    /// A header, which must come exactly once.
    Header(String),
    /// A field of a form body, decoded; it must come exactly once.
    FormField(String),
    /// The text before the first dot of a form field.
    BeforeDot(String),
    /// The text after the first dot of a form field.
    AfterDot(String),
    /// A secret in a header of this name or, where there is none, in `Authorization`: alone, behind `Bearer`, or as the
    /// password of `Basic` (RFC 7617).
    Credential(String),
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Base 64, standard or URL-safe alphabet, padded or not.
    Base64,
    /// Hexadecimal digits of either case.
    Hex,
    /// As it is.
    Text,
}

/// A part of the message that the MAC covers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A fixed text.
    Text(String),
    /// The timestamp header, as text.
    Timestamp,
    /// What stands in the scheme's payload place.
    Payload,
}

/// Where the signed timestamp stands and how it may be written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampRule {
    /// The header.
    pub header: String,
    /// The notations, tried in order.
    pub formats: Vec<TimestampFormat>,
}

/// A notation of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampFormat {
    /// `2021-03-25T05:09:27Z`
    Rfc3339,
    /// Whole seconds since 1970.
    UnixSeconds,
}

/// Why a request's signature was not accepted. Clients hear only that it was not; logs hold this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The signature, its timestamp or a signed field is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// Something that must come once came more often, so it is open which one counts.
    #[error("{0} came more than once")]
    Doubled(String),
    /// The signature or its timestamp cannot be read.
    #[error("{0} cannot be read")]
    Unreadable(String),
    /// No active secret produces this signature.
    #[error("the signature fits none of the source's signing secrets")]
    Mismatch,
    /// The signature is good, but the provider's public test secret made it.
    #[error("the request is signed with the provider's public test secret, which anyone can do")]
    PublicTestSecret,
    /// The signature is of another scheme, or of another version of the source's.
    #[error("{place} does not begin with `{expected}`, so it is of another scheme or version than the source's")]
    OtherScheme {
        /// Where it stands.
        place: String,
        /// What it should begin with.
        expected: String,
    },
    /// The signature is good, but its timestamp lies outside the tolerance.
    #[error(
        "the signed timestamp is {off_by_seconds} s {side} our clock, more than the tolerance of {tolerance_seconds} s"
    )]
    Stale {
        /// How far off, in seconds.
        off_by_seconds: u64,
        /// In which direction.
        side: Side,
        /// What is let pass, in seconds.
        tolerance_seconds: u64,
    },
    /// The source has no signing secret, so nothing could fit.
    #[error("the source has no signing secret")]
    NoSecret,
}

/// On which side of our clock a timestamp lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It is old.
    Behind,
    /// It lies in the future.
    Ahead,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Behind => "behind",
            Self::Ahead => "ahead of",
        })
    }
}

/// What the source's owner decided about accepting.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The time now.
    pub now: Timestamp,
    /// How far the signed timestamp may lie from it, in either direction, the limit itself included.
    pub tolerance: Duration,
    /// Set-up mode: accept the provider's public test secret as well.
    pub accept_test_secret: bool,
}

/// A request whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The signed content, decoded from its place.
    pub payload: Cow<'a, [u8]>,
    /// The signed timestamp, where the scheme has one.
    pub signed_at: Option<Timestamp>,
    /// The same as it was signed.
    pub stamp: Option<String>,
}

/// Checks a request's signature over exactly the bytes that came.
pub fn verify<'a>(
    scheme: &Scheme,
    headers: &HeaderMap,
    body: &'a [u8],
    secrets: &[SecretString],
    rules: Rules,
) -> Result<Verified<'a>, Refused> {
    let claims = claims(scheme, headers, body)?;

    let stamp = match &scheme.timestamp {
        None => None,
        Some(rule) => Some((header(headers, &rule.header)?, rule)),
    };
    let payload = place(&scheme.payload, headers, body)?;

    let mut message: Vec<&[u8]> = Vec::with_capacity(scheme.message.len());
    for part in &scheme.message {
        match (part, &stamp) {
            (Part::Text(text), _) => message.push(text.as_bytes()),
            (Part::Payload, _) => message.push(&payload),
            (Part::Timestamp, Some((text, _))) => message.push(text),
            (Part::Timestamp, None) => return Err(Refused::Missing("the timestamp rule".to_owned())),
        }
    }

    let usable = || secrets.iter().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty());
    if usable().next().is_none() && !rules.accept_test_secret {
        return Err(Refused::NoSecret);
    }
    let public = scheme.public_test_secret.as_deref();
    let mut fits = false;
    for secret in usable() {
        // A source that was given the public test secret as its own is treated as one without a secret.
        let counts = rules.accept_test_secret || Some(secret) != public;
        for claimed in &claims {
            fits |= matches(scheme.algorithm, secret.as_bytes(), &message, claimed) && counts;
        }
    }
    if !fits {
        let fits_it =
            |secret: &str| claims.iter().any(|one| matches(scheme.algorithm, secret.as_bytes(), &message, one));
        let test_secret_fits = public.is_some_and(fits_it);
        if !test_secret_fits {
            return Err(Refused::Mismatch);
        }
        if !rules.accept_test_secret {
            return Err(Refused::PublicTestSecret);
        }
    }

    let stamped = stamp.as_ref().map(|(text, _)| String::from_utf8_lossy(text).into_owned());
    let signed_at = match stamp {
        None => None,
        Some((text, rule)) => Some(check_age(text, rule, rules)?),
    };
    let payload = match scheme.payload {
        // The signed text of such a field is itself base 64 of the content.
        Place::AfterDot(_) => Cow::Owned(
            decode(Encoding::Base64, &String::from_utf8_lossy(&payload))
                .ok_or_else(|| Refused::Unreadable(name_of(&scheme.payload)))?,
        ),
        _ => payload,
    };
    Ok(Verified { payload, signed_at, stamp: stamped })
}

/// Does the request carry a signature of this scheme, good or bad? To say which one a sender uses instead of the source's.
pub fn carries(scheme: &Scheme, headers: &HeaderMap, body: &[u8]) -> bool {
    match &scheme.signature {
        // Many requests have an `Authorization` that is meant for somebody else.
        Place::Credential(name) => headers.contains_key(name),
        signature => place(signature, headers, body).is_ok(),
    }
}

/// What the request claims to prove itself by: one signature, or a secret in each way it may be meant.
fn claims(scheme: &Scheme, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    let unreadable = || Refused::Unreadable(name_of(&scheme.signature));
    if let Place::Credential(name) = &scheme.signature {
        if headers.contains_key(name) {
            return Ok(vec![header(headers, name)?.to_vec()]);
        }
        let Ok(text) = header(headers, AUTHORIZATION.as_str()) else {
            return Err(Refused::Missing(name_of(&scheme.signature)));
        };
        let text = std::str::from_utf8(text).map_err(|_| unreadable())?.trim();
        return Ok(match text.split_once(' ') {
            Some((kind, token)) if kind.eq_ignore_ascii_case("bearer") => vec![token.trim().as_bytes().to_vec()],
            Some((kind, encoded)) if kind.eq_ignore_ascii_case("basic") => {
                let decoded = decode(Encoding::Base64, encoded.trim()).ok_or_else(unreadable)?;
                let colon = decoded.iter().position(|byte| *byte == b':').ok_or_else(unreadable)?;
                vec![decoded[colon + 1..].to_vec()]
            }
            _ => vec![text.as_bytes().to_vec()],
        });
    }
    let written = place(&scheme.signature, headers, body)?;
    let written = std::str::from_utf8(&written).map_err(|_| unreadable())?;
    let written = written
        .strip_prefix(scheme.prefix.as_str())
        .ok_or_else(|| Refused::OtherScheme { place: name_of(&scheme.signature), expected: scheme.prefix.clone() })?;
    Ok(vec![decode(scheme.encoding, written).ok_or_else(unreadable)?])
}

/// Signs as the provider would: the encoded signature with its prefix. For the sandbox, `deskwire events send` and tests.
pub fn sign(scheme: &Scheme, secret: &str, timestamp: &str, payload: &[u8]) -> String {
    let message: Vec<&[u8]> = scheme
        .message
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_bytes(),
            Part::Timestamp => timestamp.as_bytes(),
            Part::Payload => payload,
        })
        .collect();
    let mac = match scheme.algorithm {
        Algorithm::HmacSha256 => mac::<Hmac<Sha256>>(secret.as_bytes(), &message),
        Algorithm::HmacSha512 => mac::<Hmac<Sha512>>(secret.as_bytes(), &message),
        Algorithm::Static => secret.as_bytes().to_vec(),
    };
    let written = match scheme.encoding {
        Encoding::Base64 => STANDARD.encode(mac),
        Encoding::Hex => hex::encode(mac),
        Encoding::Text => String::from_utf8_lossy(&mac).into_owned(),
    };
    format!("{}{written}", scheme.prefix)
}

fn check_age(text: &[u8], rule: &TimestampRule, rules: Rules) -> Result<Timestamp, Refused> {
    let unreadable = || Refused::Unreadable(format!("header {}", rule.header));
    let text = std::str::from_utf8(text).map_err(|_| unreadable())?;
    let parsed = rule.formats.iter().find_map(|format| match format {
        TimestampFormat::Rfc3339 => Timestamp::parse(text).ok(),
        TimestampFormat::UnixSeconds => Timestamp::parse_unix_seconds(text).ok(),
    });
    let signed_at = parsed.ok_or_else(unreadable)?;
    let (behind, ahead) = (rules.now.since(signed_at), signed_at.since(rules.now));
    let off_by = behind.max(ahead);
    if off_by > rules.tolerance {
        return Err(Refused::Stale {
            off_by_seconds: off_by.as_secs(),
            side: if ahead > behind { Side::Ahead } else { Side::Behind },
            tolerance_seconds: rules.tolerance.as_secs(),
        });
    }
    Ok(signed_at)
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &[&[u8]]) -> Vec<u8> {
    keyed::<M>(key, message).finalize().into_bytes().to_vec()
}

fn keyed<M: Mac + KeyInit>(key: &[u8], message: &[&[u8]]) -> M {
    // HMAC takes keys of any length (RFC 2104, section 2), so the fallback is never used.
    let mut mac = M::new_from_slice(key).unwrap_or_else(|_| M::new(&hmac::digest::Key::<M>::default()));
    for part in message {
        mac.update(part);
    }
    mac
}

fn matches(algorithm: Algorithm, secret: &[u8], message: &[&[u8]], claimed: &[u8]) -> bool {
    match algorithm {
        Algorithm::HmacSha256 => keyed::<Hmac<Sha256>>(secret, message).verify_slice(claimed).is_ok(),
        Algorithm::HmacSha512 => keyed::<Hmac<Sha512>>(secret, message).verify_slice(claimed).is_ok(),
        Algorithm::Static => secret.ct_eq(claimed).into(),
    }
}

fn name_of(place: &Place) -> String {
    match place {
        Place::Body => "the body".to_owned(),
        Place::Header(name) => format!("header {name}"),
        Place::FormField(name) | Place::BeforeDot(name) | Place::AfterDot(name) => format!("form field {name}"),
        Place::Credential(name) => format!("header {name} or authorization"),
    }
}

fn place<'a>(place: &Place, headers: &HeaderMap, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Refused> {
    match place {
        Place::Body => Ok(Cow::Borrowed(body)),
        // A header's bytes are copied, since they do not live as long as the body; they are short.
        Place::Header(name) | Place::Credential(name) => header(headers, name).map(|text| Cow::Owned(text.to_vec())),
        Place::FormField(name) => form_field(body, name),
        Place::BeforeDot(name) => split_at_dot(body, name).map(|(before, _)| Cow::Owned(before)),
        Place::AfterDot(name) => split_at_dot(body, name).map(|(_, after)| Cow::Owned(after)),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a [u8], Refused> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Err(Refused::Missing(format!("header {name}"))) };
    if values.next().is_some() {
        return Err(Refused::Doubled(format!("header {name}")));
    }
    Ok(value.as_bytes())
}

/// A field of a form body (`application/x-www-form-urlencoded`), decoded. It must come exactly once.
pub fn form_field<'a>(body: &[u8], name: &str) -> Result<Cow<'a, [u8]>, Refused> {
    let mut values = url::form_urlencoded::parse(body).filter(|(key, _)| key == name);
    let Some((_, value)) = values.next() else { return Err(Refused::Missing(format!("form field {name}"))) };
    if values.next().is_some() {
        return Err(Refused::Doubled(format!("form field {name}")));
    }
    Ok(Cow::Owned(value.into_owned().into_bytes()))
}

fn split_at_dot(body: &[u8], name: &str) -> Result<(Vec<u8>, Vec<u8>), Refused> {
    let field = form_field(body, name)?;
    let unreadable = || Refused::Unreadable(format!("form field {name}"));
    let dot = field.iter().position(|byte| *byte == b'.').filter(|dot| *dot > 0).ok_or_else(unreadable)?;
    Ok((field[..dot].to_vec(), field[dot + 1..].to_vec()))
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const LENIENT_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const LENIENT_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

fn decode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Base64 => LENIENT_STANDARD.decode(text).or_else(|_| LENIENT_URL_SAFE.decode(text)).ok(),
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Text => Some(text.as_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests;
