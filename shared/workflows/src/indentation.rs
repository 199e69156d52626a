//! Lines that are indented too far or too little: what YAML makes of them is often sound, and never what was meant.

use crate::yaml::{Key, Kind, Node};

/// The keys of the parts of a file, from the outside in: what a part is called, how deep it lies, a key to line up with,
/// and its keys. A name that several parts have says nothing, and is left out.
const HOMES: [(&str, u8, &str, &[&str]); 8] = [
    ("the workflow", 0, "name", &["description", "active", "lane", "skip_stale", "max_hops", "trigger"]),
    ("the project file", 0, "sources", &["sources", "oauth_clients", "connections", "retention"]),
    ("the trigger", 1, "trigger", &["event", "schedule", "missed", "manual"]),
    (
        "a step",
        1,
        "id",
        &[
            "id",
            "action",
            "connection",
            "if",
            "with",
            "retry",
            "timeout",
            "on_error",
            "on_unknown",
            "choose",
            "otherwise",
            "for_each",
            "wait",
            "stop",
            "fail",
        ],
    ),
    ("a source", 1, "provider", &["signing_secrets", "shared_key", "tolerance", "repeat_window", "max_age"]),
    ("a connection", 1, "provider", &["auth", "allowed_domain", "base_url", "display_name"]),
    ("`retry`", 2, "retry", &["attempts", "first_wait", "longest_wait"]),
    ("`auth`", 2, "auth", &["username", "password"]),
];

/// What to do about a key that its map does not have, if it is one of another part of the file, or stands beside an empty
/// key that it was meant to stand below. `what` is what messages call the map.
pub(crate) fn help(what: &str, members: &[(Key, Node)], at: usize, known: &[&str]) -> Option<String> {
    let name = members.get(at)?.0.name.as_str();
    let before = members[..at].iter().rev().find(|(key, _)| known.contains(&key.name.as_str()));
    if let Some((key, Node { kind: Kind::Null, .. })) = before {
        let above = &key.name;
        return Some(format!(
            "`{above}` above it is empty: indent `{name}` further, so that it stands below `{above}`"
        ));
    }
    elsewhere(what, name)
}

/// The same for a key among the inputs of an action, or wherever else only its own name and the map's are known.
pub(crate) fn elsewhere(what: &str, name: &str) -> Option<String> {
    let depth = depth(what);
    let (home, its, beside, _) = HOMES.iter().find(|(home, its, _, keys)| {
        keys.contains(&name) && *its != depth && file(what).is_none_or(|one| Some(one) == file(home))
    })?;
    let how = if *its > depth {
        format!("indent it further, to stand below it{}", if *beside == "id" { ", as far as its `id`" } else { "" })
    } else {
        format!("indent it less, as far as `{beside}`")
    };
    Some(format!("`{name}` is a key of {home}: {how}"))
}

/// How deep a map lies, by what messages call it.
fn depth(what: &str) -> u8 {
    match what {
        "the workflow" | "the project file" => 0,
        "the trigger" => 1,
        _ if ["step ", "source ", "connection ", "OAuth client "].iter().any(|kind| what.starts_with(kind)) => 1,
        _ => 2,
    }
}

/// The part around it all that a map is in, as far as its name tells.
fn file(what: &str) -> Option<&'static str> {
    const PROJECT: [&str; 6] =
        ["the project file", "source ", "connection ", "OAuth client ", "a source", "a connection"];
    const WORKFLOW: [&str; 5] = ["the workflow", "the trigger", "step ", "a step", "`retry`"];
    let is = |kinds: &[&str]| kinds.iter().any(|kind| what.starts_with(kind));
    if is(&PROJECT) || what == "`auth`" { Some("the project file") } else { is(&WORKFLOW).then_some("the workflow") }
}

/// How far a line is indented, and the lines above it: for a file that cannot be read at all. `at` is a byte of the line.
pub(crate) fn compared(text: &str, at: usize) -> String {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let spaces = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let own = text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, spaces);
    let mut above: Vec<usize> = Vec::new();
    let lines = text.get(..start).unwrap_or_default().lines().rev();
    for line in lines.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let indent = spaces(line);
        if above.last().is_none_or(|last| indent < *last) {
            above.push(indent);
        }
        if indent == 0 || above.len() == 4 {
            break;
        }
    }
    above.reverse();
    if above.is_empty() || above.contains(&own) {
        return "compare how far this line and those above it are indented; what belongs together is indented alike"
            .to_owned();
    }
    let columns: Vec<String> = above.iter().map(ToString::to_string).collect();
    let columns = match columns.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        all => all.concat(),
    };
    format!(
        "this line is indented by {own} {}, and the keys above it by {columns}: indent it as far as the key that it belongs \
         with",
        if own == 1 { "space" } else { "spaces" }
    )
}
