//! "Did you mean …", and lists of what exists.

/// The known name that is close enough to be what was meant: at most a third of its letters differ.
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody misspells a name of hundreds of letters, and comparing takes time in proportion to the product.
    if given.len() > 128 {
        return None;
    }
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.chars().count().max(given.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What to do about an unknown name: the one that was probably meant, or what there is.
pub(crate) fn help<'a>(given: &str, known: impl IntoIterator<Item = &'a str>, none: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match closest(given, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => none.to_owned(),
        None => format!("there {}: {}", if known.len() == 1 { "is" } else { "are" }, known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["assignee_id", "subject", "id"];
        assert_eq!(closest("asignee_id", known), Some("assignee_id"));
        assert_eq!(closest("Subject", known), Some("subject"));
        assert_eq!(closest("priority", known), None);
    }

    #[test]
    fn help_lists_what_exists_when_nothing_is_close() {
        assert_eq!(help("x", ["alpha", "beta"], "none"), "there are: alpha, beta");
        assert_eq!(help("x", [], "there are none"), "there are none");
    }
}
