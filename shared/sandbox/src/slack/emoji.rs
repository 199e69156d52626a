//! Emoji by their names in Slack, for the page.
//!
//! Slack's names are those of the emoji-data project (<https://github.com/iamcal/emoji-data>), which are GitHub's for nearly
//! all; those that differ stand here.

/// Slack's names that GitHub does not have.
const OTHERS: [(&str, &str); 20] = [
    ("simple_smile", "🙂"),
    ("large_green_circle", "🟢"),
    ("large_yellow_circle", "🟡"),
    ("large_orange_circle", "🟠"),
    ("large_purple_circle", "🟣"),
    ("large_brown_circle", "🟤"),
    ("large_red_square", "🟥"),
    ("large_green_square", "🟩"),
    ("large_yellow_square", "🟨"),
    ("large_orange_square", "🟧"),
    ("large_purple_square", "🟪"),
    ("large_blue_square", "🟦"),
    ("large_brown_square", "🟫"),
    ("face_with_rolling_eyes", "🙄"),
    ("hugging_face", "🤗"),
    ("face_palm", "🤦"),
    ("shrug", "🤷"),
    ("thinking_face", "🤔"),
    ("rolling_on_the_floor_laughing", "🤣"),
    ("slack", "💬"),
];

/// The emoji of this name, which may carry a skin tone: `wave::skin-tone-3`.
pub(crate) fn emoji(name: &str) -> Option<String> {
    let (name, tone) = name.split_once("::skin-tone-").map_or((name, None), |(name, tone)| (name, Some(tone)));
    let picture = picture(name)?;
    match tone {
        None => Some(picture),
        // From 2, the lightest, to 6 (Unicode's modifiers, UTS #51).
        Some(tone) => {
            let number: u32 = tone.parse().ok().filter(|tone| (2..=6).contains(tone))?;
            let modifier = char::from_u32(0x1F3FB + number - 2)?;
            Some(picture.trim_end_matches('\u{fe0f}').chars().chain([modifier]).collect())
        }
    }
}

fn picture(name: &str) -> Option<String> {
    if let Some(known) = emojis::get_by_shortcode(name) {
        return Some(known.as_str().to_owned());
    }
    if let Some((_, picture)) = OTHERS.iter().find(|(known, _)| *known == name) {
        return Some((*picture).to_owned());
    }
    if let Some(country) = name.strip_prefix("flag-") {
        return flag(country);
    }
    // `man-shrugging` and `female-technologist` at Slack.
    let plain = name.replace('-', "_");
    let people = [("female_", "woman_"), ("male_", "man_")];
    let person = people.into_iter().find_map(|(theirs, other)| Some(format!("{other}{}", plain.strip_prefix(theirs)?)));
    let known = emojis::get_by_shortcode(&plain).or_else(|| emojis::get_by_shortcode(person.as_deref()?))?;
    Some(known.as_str().to_owned())
}

/// A country's flag is its two letters in a writing of their own.
fn flag(country: &str) -> Option<String> {
    let letters: Vec<u32> =
        country.bytes().filter(u8::is_ascii_lowercase).map(|letter| u32::from(letter - b'a')).collect();
    if letters.len() != 2 || country.len() != 2 {
        return None;
    }
    letters.into_iter().map(|letter| char::from_u32(0x1F1E6 + letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_are_known_by_the_names_that_slack_gives_them() {
        for (name, picture) in [
            ("rotating_light", "🚨"),
            ("white_check_mark", "✅"),
            ("+1", "👍"),
            ("thumbsup", "👍"),
            ("x", "❌"),
            ("tada", "🎉"),
            ("heavy_check_mark", "✔️"),
            ("slightly_smiling_face", "🙂"),
            ("partying_face", "🥳"),
            ("ticket", "🎫"),
            ("red_circle", "🔴"),
            ("large_green_circle", "🟢"),
            ("large_blue_circle", "🔵"),
            ("flag-de", "🇩🇪"),
            ("hourglass_flowing_sand", "⏳"),
            ("calendar", "📆"),
            ("mega", "📣"),
            ("zap", "⚡"),
            ("wave::skin-tone-3", "👋🏼"),
        ] {
            assert_eq!(emoji(name).as_deref(), Some(picture), "{name}");
        }
        for none in ["", "no_such_emoji", "flag-x", "flag-deu", "wave::skin-tone-9", "<b>"] {
            assert_eq!(emoji(none), None, "{none}");
        }
    }
}
