//! Where a long text is cut, and what never is.

use super::*;

fn parts(text: &str, most: usize) -> Vec<String> {
    let parts = split(text, most).unwrap();
    for part in &parts {
        assert!(length(part) <= most && !part.trim().is_empty(), "{part:?}");
        assert!(parts.len() == 1 || part.matches(FENCE).count() % 2 == 0, "a fence is left open in {part:?}");
    }
    parts
}

#[test]
fn a_text_that_fits_is_left_as_it_is() {
    for text in ["", "hi\n", "```open", &"😀".repeat(10)] {
        assert_eq!(split(text, 20).unwrap(), [text]);
    }
}

#[test]
fn a_cut_lies_at_the_end_of_a_line() {
    assert_eq!(parts("one one\ntwo two\nthree", 16), ["one one\ntwo two", "three"]);
    assert_eq!(parts("one one\n\n\ntwo two two", 12), ["one one\n\n", "two two two"]);
}

#[test]
fn a_line_that_is_too_long_is_cut_at_a_space_else_anywhere() {
    assert_eq!(parts("alpha beta gamma delta", 14), ["alpha ", "beta ", "gamma delta"]);
    assert_eq!(parts("abcdefghijklmnopqrst", 14), ["abcdefghij", "klmnopqrst"]);
    assert_eq!(parts(&"😀".repeat(9), 14), ["😀".repeat(5), "😀".repeat(4)], "a surrogate pair stays whole");
}

#[test]
fn links_mentions_and_entities_are_never_cut() {
    assert_eq!(parts("abcde <https://e.com|a b c> fghijkl", 26), ["abcde ", "<https://e.com|a b c> ", "fghijkl"]);
    assert_eq!(parts("abcdefghi&amp;jklmnop", 14), ["abcdefghi", "&amp;jklmnop"]);
    assert_eq!(parts("a < b aaaaaaaaaaaaaa", 14), ["a < b ", "aaaaaaaaaaaaaa"], "a lone bracket is no entity");
    assert_eq!(split(&format!("<https://e.com/{}>", "x".repeat(40)), 30), Err(Indivisible));
}

#[test]
fn a_fence_is_closed_and_opened_again() {
    assert_eq!(
        parts("see\n```\none one\ntwo two\n```\nend", 20),
        ["see\n```\none one\n```", "```\ntwo two\n```\nend",]
    );
}

#[test]
fn a_fence_is_not_shut_empty() {
    assert_eq!(parts("some words\n```\none one one\n```", 20), ["some words", "```\none one one\n```"]);
}

#[test]
fn a_long_line_within_a_fence_keeps_its_fence() {
    assert_eq!(parts("```aaaaaaaaaaaaaaaaaaaaaaaa```", 20), ["```aaaaaaaaaaaaa\n```", "```\naaaaaaaaaaa```"]);
}

#[test]
fn nothing_but_white_space_at_the_cuts_is_lost() {
    let words = ["ticket", "`code`", "<@U07DANAQ001>", "&lt;b&gt;", "😀", "```", "\n", " ", "a-rather-long-word"];
    let random = deskwire_core::random::SeededRandom::new(20_261_123);
    for _ in 0..500 {
        let text: String = (0..120).map(|_| words[pick(&random, words.len())]).collect();
        let visible = |text: &str| text.replace(FENCE, "").split_whitespace().collect::<String>();
        let joined: String = parts(&text, 60).concat();
        assert_eq!(visible(&joined), visible(&text), "{text:?}");
        assert_eq!(parts(&text, 60), parts(&text, 60));
    }
}

fn pick(random: &dyn deskwire_core::random::Random, among: usize) -> usize {
    usize::try_from(random.bits() % among as u128).unwrap()
}
