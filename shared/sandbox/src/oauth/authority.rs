//! What the OAuth servers remember: codes, and families of tokens.

use std::time::Duration;

use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;

use super::manners::{Given, Manners, Trouble};

/// A code that a person's consent brought.
#[derive(Debug)]
struct Code {
    provider: &'static str,
    text: String,
    redirect_uri: String,
    scopes: Vec<String>,
    user_scopes: Vec<String>,
    challenge: Option<String>,
    ends: Timestamp,
}

/// What one consent led to.
#[derive(Debug)]
struct Family {
    provider: &'static str,
    scopes: Vec<String>,
    access: Vec<(String, Option<Timestamp>)>,
    refresh: Vec<Refresh>,
}

#[derive(Debug)]
struct Refresh {
    token: String,
    used_at: Option<Timestamp>,
    last_seen: Timestamp,
}

/// How a token stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Expired,
    /// It never was one, or was taken back.
    Unknown,
    /// It was given out for a scope that does not exist, so it can do nothing.
    Powerless,
}

/// What a person agrees to.
pub(crate) struct Consent {
    pub redirect_uri: String,
    pub scopes: Vec<String>,
    pub user_scopes: Vec<String>,
    pub challenge: Option<String>,
}

/// The codes and tokens of all providers.
#[derive(Debug, Default)]
pub(crate) struct Authority {
    codes: Vec<Code>,
    families: Vec<Family>,
}

impl Authority {
    pub(crate) fn agree(&mut self, manners: &Manners, consent: Consent, random: &dyn Random, now: Timestamp) -> String {
        let Consent { redirect_uri, scopes, user_scopes, challenge } = consent;
        // Codes often end so, and must be decoded exactly once.
        let code = format!("{:032x}==", random.bits());
        self.codes.push(Code {
            provider: manners.name,
            text: code.clone(),
            redirect_uri,
            scopes,
            user_scopes,
            challenge,
            ends: now.plus(Duration::from_secs(manners.code_lasts)),
        });
        code
    }

    /// Exchanges a code. `challenge` is made of the verifier, where one was sent.
    pub(crate) fn exchange(
        &mut self,
        manners: &'static Manners,
        (code, redirect_uri, challenge): (&str, &str, Option<String>),
        lasts: Option<u64>,
        (random, now): (&dyn Random, Timestamp),
    ) -> Result<Given, Trouble> {
        let found = self.codes.iter().position(|one| one.provider == manners.name && one.text == code);
        // Good once, whatever comes of it.
        let code = found.map(|at| self.codes.swap_remove(at)).filter(|code| now < code.ends).ok_or(Trouble::BadCode)?;
        if code.redirect_uri != redirect_uri {
            return Err(Trouble::BadRedirect);
        }
        if code.challenge != challenge {
            return Err(Trouble::BadVerifier);
        }
        let user =
            (!code.user_scopes.is_empty()).then(|| (format!("xoxp-{:032x}", random.bits()), code.user_scopes.clone()));
        let mut family =
            Family { provider: manners.name, scopes: code.scopes, access: Vec::new(), refresh: Vec::new() };
        let mut given = family.give(manners, lasts, true, random, now);
        if let Some((token, _)) = &user {
            family.access.push((token.clone(), None));
        }
        given.user = user;
        self.families.push(family);
        Ok(given)
    }

    pub(crate) fn refresh(
        &mut self,
        manners: &'static Manners,
        token: &str,
        lasts: Option<u64>,
        (random, now): (&dyn Random, Timestamp),
    ) -> Result<Given, Trouble> {
        let has = |family: &&mut Family| {
            family.provider == manners.name && family.refresh.iter().any(|refresh| refresh.token == token)
        };
        let family = self.families.iter_mut().find(has).ok_or(Trouble::BadRefresh)?;
        let refresh = family.refresh.iter_mut().find(|refresh| refresh.token == token).ok_or(Trouble::BadRefresh)?;
        let lapsed = manners.refresh_lasts.is_some_and(|secs| now > refresh.last_seen.plus(Duration::from_secs(secs)));
        let grace = Duration::from_secs(manners.rotates.unwrap_or(u64::from(u32::MAX)));
        let used_up = refresh.used_at.is_some_and(|used| now >= used.plus(grace));
        if lapsed || used_up {
            return Err(Trouble::BadRefresh);
        }
        refresh.used_at.get_or_insert(now);
        refresh.last_seen = now;
        let mut given = family.give(manners, lasts, manners.rotates.is_some(), random, now);
        given.refreshed = true;
        Ok(given)
    }

    pub(crate) fn for_client(
        &mut self,
        manners: &'static Manners,
        scopes: Vec<String>,
        lasts: Option<u64>,
        (random, now): (&dyn Random, Timestamp),
    ) -> Given {
        let mut family = Family { provider: manners.name, scopes, access: Vec::new(), refresh: Vec::new() };
        let given = family.give(manners, lasts, false, random, now);
        self.families.push(family);
        given
    }

    pub(crate) fn standing(&self, provider: &str, token: &str, now: Timestamp) -> Standing {
        let families = self.families.iter().filter(|family| family.provider == provider);
        let mut all = families.flat_map(|family| family.access.iter().map(move |access| (family, access)));
        let Some((family, (_, ends))) = all.find(|(_, (known, _))| known == token) else { return Standing::Unknown };
        if ends.is_some_and(|ends| now >= ends) {
            return Standing::Expired;
        }
        let real = |scope: &String| {
            matches!(scope.as_str(), "read" | "write" | "impersonate")
                || scope.ends_with(":read")
                || scope.ends_with(":write")
        };
        // https://developer.zendesk.com/documentation/api-basics/authentication/ : an unknown scope can do nothing.
        if provider == "zendesk" && !family.scopes.iter().all(real) { Standing::Powerless } else { Standing::Good }
    }

    /// Somebody takes back what was agreed to.
    pub(crate) fn revoke(&mut self, provider: &str) {
        self.families.retain(|family| family.provider != provider);
    }
}

impl Family {
    fn give(
        &mut self,
        manners: &Manners,
        lasts: Option<u64>,
        refresh: bool,
        random: &dyn Random,
        now: Timestamp,
    ) -> Given {
        let access = format!("{}{:032x}", manners.access_prefix, random.bits());
        let access_lasts = lasts.or(manners.access_lasts);
        let ends = access_lasts.map(|secs| now.plus(Duration::from_secs(secs)));
        self.access.push((access.clone(), ends));
        let surplus = self.access.len().saturating_sub(manners.most_access);
        self.access.drain(..surplus);
        let refresh = refresh.then(|| format!("{}{:032x}", manners.refresh_prefix, random.bits()));
        self.refresh.extend(refresh.clone().map(|token| Refresh { token, used_at: None, last_seen: now }));
        Given {
            access,
            access_lasts,
            refresh,
            scopes: self.scopes.clone(),
            user: None,
            now: now.as_millis(),
            refreshed: false,
            instance_url: String::new(),
        }
    }
}
