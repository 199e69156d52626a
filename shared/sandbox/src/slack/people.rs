//! `users.lookupByEmail`, `users.info`, `auth.test`.
//! <https://docs.slack.dev/reference/methods/users.info>, checked 2026-11-23.

use serde_json::{Value, json};

use crate::slack::methods::{Call, Outcome, Success};
use crate::slack::workspace::{User, Workspace};
use crate::world::{APP, BOT, BOT_NAME, BOT_USER, TEAM, TEAM_NAME, TEAM_URL};

/// Whose token this is.
#[expect(clippy::unnecessary_wraps, reason = "one signature for all methods")]
pub(crate) fn auth_test(_: &mut Call<'_>) -> Outcome {
    Ok(Success::of(json!({
        "url": TEAM_URL,
        "team": TEAM_NAME,
        "user": BOT_NAME.to_lowercase(),
        "team_id": TEAM,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "app_id": APP,
        "is_enterprise_install": false,
    })))
}

/// A person by address. Those who left are not found.
pub(crate) fn lookup_by_email(call: &mut Call<'_>) -> Outcome {
    let email = call.arguments.text("email").ok_or("users_not_found")?;
    let user = call.workspace.user_by_email(email.trim()).ok_or("users_not_found")?;
    Ok(Success::of(json!({ "user": shown(user, call.workspace) })))
}

/// A person by id. Those who left are shown with less.
pub(crate) fn info(call: &mut Call<'_>) -> Outcome {
    let id = call.arguments.text("user").ok_or("user_not_found")?;
    let user = call.workspace.user(&id).ok_or("user_not_found")?;
    Ok(Success::of(json!({ "user": shown(user, call.workspace) })))
}

fn shown(user: &User, workspace: &Workspace) -> Value {
    let mut profile = json!({ "real_name": user.real_name, "display_name": user.display_name, "team": TEAM });
    if let Some(email) = user.email.filter(|_| workspace.may("users:read.email")) {
        profile["email"] = email.into();
    }
    let mut shown = json!({ "id": user.id, "team_id": TEAM, "name": user.name, "deleted": user.deleted });
    if !user.deleted {
        shown["real_name"] = user.real_name.into();
        shown["tz"] = user.time_zone.into();
    }
    shown["is_bot"] = user.is_bot.into();
    shown["is_app_user"] = false.into();
    shown["profile"] = profile;
    shown
}
