//! Qualtrics' piped text: `${q://QID1/ChoiceGroup/SelectedChoices}` and its like, so that people can paste what they have in
//! Qualtrics. A pipe is written anew as `{{ steps.ID | piped("…") }}`, and the filter looks the place up in what
//! `qualtrics.get_response` answered. The places are those of
//! <https://www.qualtrics.com/support/edit-survey/editing-questions/piped-text/piped-text-overview> (checked 2026-11-23).

use std::ops::Range;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value};

/// What can be piped, for messages.
pub const KNOWN: &str = "q://QID…/ChoiceGroup/SelectedChoices, …/SelectedChoicesTextEntry, …/SelectedChoicesRecode, \
    …/SelectedChoicesCount, …/ChoiceTextEntryValue, …/ChoiceNumericEntryValue/N, …/QuestionText; e://Field/NAME; \
    m://FirstName, LastName, Email, ExternalDataReference, Language; rm://Field/ResponseID; gr://SC_…/Score; \
    rand://int/FROM:TO; date://CurrentDate/FORMAT";

/// How pipes begin that Qualtrics has.
const SCHEMES: [&str; 11] = ["q", "e", "m", "rm", "gr", "rand", "date", "lm", "loc", "l", "qr"];

/// A pipe of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipe {
    /// What is piped: `q://QID1/QuestionText`.
    pub place: String,
    /// Where it stands, with its brackets, in bytes.
    pub range: Range<usize>,
}

impl Pipe {
    /// Is it one that can be answered from a response?
    pub fn is_known(&self) -> bool {
        Place::read(&self.place).is_some()
    }
}

/// The pipes of a text, in order.
pub fn pipes(text: &str) -> Vec<Pipe> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        let Some(end) = text[start..].find('}').map(|at| start + at) else { break };
        let inner = &text[start + 2..end];
        let scheme = inner.split_once("://").map(|(scheme, _)| scheme);
        if scheme.is_some_and(|scheme| SCHEMES.contains(&scheme)) {
            found.push(Pipe { place: inner.to_owned(), range: start..end + 1 });
        }
        from = end + 1;
    }
    found
}

/// A text whose pipes are written as templates on the answers of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The text.
    pub text: String,
    /// Where a pipe was, and where its template is.
    pieces: Vec<(Range<usize>, Range<usize>)>,
}

impl Rewritten {
    /// Writes the pipes as templates on `steps.{step}`.
    pub fn new(text: &str, pipes: &[Pipe], step: &str) -> Self {
        let mut written = Self { text: String::with_capacity(text.len() * 2), pieces: Vec::new() };
        let mut from = 0;
        for pipe in pipes {
            written.text.push_str(&text[from..pipe.range.start]);
            let start = written.text.len();
            let place = pipe.place.replace('\\', "\\\\").replace('"', "\\\"");
            written.text.extend(["{{ steps.", step, " | piped(\"", &place, "\") }}"]);
            written.pieces.push((pipe.range.clone(), start..written.text.len()));
            from = pipe.range.end;
        }
        written.text.push_str(&text[from..]);
        written
    }

    /// The place in the text as it was of a place in the text as it is.
    pub fn back(&self, range: &Range<usize>) -> Range<usize> {
        let one = |at: usize| {
            let mut shift = 0_isize;
            for (old, new) in &self.pieces {
                if at >= new.end {
                    shift = old.end.cast_signed() - new.end.cast_signed();
                } else if at >= new.start {
                    return Err(old.clone());
                }
            }
            Ok(at.saturating_add_signed(shift))
        };
        match (one(range.start), one(range.end)) {
            (Ok(start), Ok(end)) => start..end,
            (Err(old), _) | (_, Err(old)) => old,
        }
    }
}

/// Teaches the engine the filter.
pub(crate) fn teach(engine: &mut Environment<'static>) {
    engine.add_filter("piped", piped);
}

/// A place that can be piped.
enum Place<'p> {
    Selected(&'p str),
    TextEntries(&'p str),
    Recode(&'p str),
    Count(&'p str),
    Text(&'p str, Option<&'p str>),
    Numeric(&'p str, &'p str),
    Question(&'p str),
    Embedded(&'p str),
    Person(&'static str),
    Language,
    ResponseId,
    SurveyId,
    Random(i64, i64),
    Today(String),
}

impl<'p> Place<'p> {
    fn read(text: &'p str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let parts: Vec<&str> = rest.split('/').collect();
        let question = |id: &str| id.strip_prefix("QID").is_some_and(|digits| !digits.is_empty());
        match (scheme, parts.as_slice()) {
            ("q", [id, "ChoiceGroup", "SelectedChoices"]) if question(id) => Some(Self::Selected(id)),
            ("q", [id, "ChoiceGroup", "SelectedChoicesTextEntry"]) if question(id) => Some(Self::TextEntries(id)),
            ("q", [id, "SelectedChoicesRecode"]) if question(id) => Some(Self::Recode(id)),
            ("q", [id, "SelectedChoicesCount"]) if question(id) => Some(Self::Count(id)),
            ("q", [id, "ChoiceTextEntryValue"]) if question(id) => Some(Self::Text(id, None)),
            ("q", [id, "ChoiceTextEntryValue", choice]) if question(id) => Some(Self::Text(id, Some(choice))),
            ("q", [id, "ChoiceNumericEntryValue", choice]) if question(id) => Some(Self::Numeric(id, choice)),
            ("q", [id, "QuestionText"]) if question(id) => Some(Self::Question(id)),
            ("e" | "rm", ["Field", "ResponseID"]) => Some(Self::ResponseId),
            ("e", ["Field", "SurveyID"]) => Some(Self::SurveyId),
            // A name may hold a slash.
            ("e", ["Field", _, ..]) => rest.strip_prefix("Field/").filter(|name| !name.is_empty()).map(Self::Embedded),
            ("m", ["FirstName"]) => Some(Self::Person("first_name")),
            ("m", ["LastName"]) => Some(Self::Person("last_name")),
            ("m", ["Email"]) => Some(Self::Person("email")),
            ("m", ["ExternalDataReference"]) => Some(Self::Person("external_reference")),
            ("m", ["Language"]) => Some(Self::Language),
            ("gr", [score, "Score"]) if score.starts_with("SC_") => Some(Self::Embedded(score)),
            ("rand", ["int", range]) => {
                let (from, to) = range.split_once(':')?;
                let (from, to) = (from.parse().ok()?, to.parse().ok()?);
                (from <= to).then_some(Self::Random(from, to))
            }
            ("date", ["CurrentDate", format]) => {
                let format: String = url_decoded(format);
                php_date(&format, [2026, 2, 3, 8, 15, 42]).map(|_| Self::Today(format))
            }
            _ => None,
        }
    }
}

/// `steps.response | piped("q://QID1/QuestionText")`. What was not answered is empty text, as in Qualtrics; an embedded data
/// field that is missing is an error that names it.
fn piped(response: &Value, place: &str) -> Result<Value, Error> {
    let unknown =
        || Error::new(ErrorKind::InvalidOperation, format!("`{place}` is nothing that can be piped; there is {KNOWN}"));
    let is_response =
        response.kind() == ValueKind::Map && response.get_attr("answers").is_ok_and(|answers| !answers.is_undefined());
    if !is_response {
        let why = "`piped` takes the answer of a step with `action: qualtrics.get_response`";
        return Err(Error::new(ErrorKind::InvalidOperation, why));
    }
    let answer = |id: &str, field: &str| at(response, &["answers", id, field]);
    Ok(Value::from(match Place::read(place).ok_or_else(unknown)? {
        Place::Selected(id) => selected(response, id),
        Place::TextEntries(id) => {
            let words = [selected(response, id), joined(&answer(id, "texts")), joined(&answer(id, "text"))];
            words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
        }
        Place::Recode(id) => joined(&answer(id, "value")),
        Place::Count(id) => match answer(id, "value") {
            value if value.is_undefined() || value.is_none() => "0".to_owned(),
            value if value.kind() == ValueKind::Seq => value.len().unwrap_or(0).to_string(),
            _ => "1".to_owned(),
        },
        Place::Text(id, None) => joined(&answer(id, "text")),
        Place::Text(id, Some(choice)) => {
            let text = joined(&at(response, &["answers", id, "texts", choice]));
            if text.is_empty() { joined(&at(response, &["answers", id, "rows", choice, "value"])) } else { text }
        }
        Place::Numeric(id, choice) => joined(&at(response, &["answers", id, "rows", choice, "value"])),
        Place::Question(id) => joined(&answer(id, "question")),
        Place::Embedded(name) => {
            let value = at(response, &["embedded", name]);
            if value.is_undefined() {
                let why = format!(
                    "the response has no embedded data field `{name}`: set it in the survey flow, or write \
                    {{{{ steps.….embedded[\"{name}\"] | default(\"…\") }}}}"
                );
                return Err(Error::new(ErrorKind::InvalidOperation, why));
            }
            joined(&value)
        }
        Place::Person(field) => joined(&at(response, &["recipient", field])),
        Place::Language => joined(&at(response, &["language"])),
        Place::ResponseId => joined(&at(response, &["response_id"])),
        Place::SurveyId => joined(&at(response, &["survey_id"])),
        Place::Random(from, to) => drawn(&joined(&at(response, &["response_id"])), place, from, to).to_string(),
        Place::Today(format) => {
            let recorded = joined(&at(response, &["recorded_at"]));
            parts_of(&recorded).and_then(|parts| php_date(&format, parts)).unwrap_or_default()
        }
    }))
}

fn at(value: &Value, path: &[&str]) -> Value {
    let mut found = value.clone();
    for name in path {
        found = found.get_item(&Value::from(*name)).unwrap_or(Value::UNDEFINED);
        if found.is_undefined() || found.is_none() {
            return found;
        }
    }
    found
}

/// The words of what was chosen; a number where it has none, as an NPS.
fn selected(response: &Value, id: &str) -> String {
    let label = joined(&at(response, &["answers", id, "label"]));
    if label.is_empty() { joined(&at(response, &["answers", id, "value"])) } else { label }
}

/// As text; several with commas, as Qualtrics puts them.
fn joined(value: &Value) -> String {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => String::new(),
        ValueKind::Seq => {
            value.try_iter().into_iter().flatten().map(|item| joined(&item)).collect::<Vec<_>>().join(", ")
        }
        ValueKind::Map => {
            let values = value.try_iter().into_iter().flatten().map(|key| value.get_item(&key).unwrap_or_default());
            values.map(|value| joined(&value)).collect::<Vec<_>>().join(", ")
        }
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// A number that looks random and is the same each time the response is read, so that a step which is tried again says the
/// same again. FNV-1a (<https://datatracker.ietf.org/doc/draft-eastlake-fnv/>).
fn drawn(response: &str, place: &str, from: i64, to: i64) -> i64 {
    let hash = response
        .bytes()
        .chain(place.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let many = from.abs_diff(to).saturating_add(1);
    from.saturating_add_unsigned(hash % many)
}

/// Year, month, day, hour, minute and second of an RFC 3339 time.
fn parts_of(time: &str) -> Option<[u32; 6]> {
    let number = |range: Range<usize>| time.get(range)?.parse().ok();
    Some([number(0..4)?, number(5..7)?, number(8..10)?, number(11..13)?, number(14..16)?, number(17..19)?])
}

/// A date as PHP writes it (<https://www.php.net/manual/en/datetime.format.php>), in UTC; `None` for a letter that we do not
/// know. `DS` is Qualtrics' own short form.
fn php_date(format: &str, [year, month, day, hour, minute, second]: [u32; 6]) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    if format == "DS" {
        return php_date("m/d/Y", [year, month, day, hour, minute, second]);
    }
    let month_name = MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    // Sakamoto's method for the day of the week.
    let offset = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4][usize::try_from(month).ok()? - 1];
    let shifted = if month < 3 { year.checked_sub(1)? } else { year };
    let weekday =
        DAYS[usize::try_from((shifted + shifted / 4 - shifted / 100 + shifted / 400 + offset + day) % 7).ok()?];
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let mut text = String::new();
    for letter in format.chars() {
        let piece = match letter {
            'Y' => format!("{year:04}"),
            'y' => format!("{:02}", year % 100),
            'm' => format!("{month:02}"),
            'n' => month.to_string(),
            'd' => format!("{day:02}"),
            'j' => day.to_string(),
            'H' => format!("{hour:02}"),
            'G' => hour.to_string(),
            'h' => format!("{twelve:02}"),
            'g' => twelve.to_string(),
            'i' => format!("{minute:02}"),
            's' => format!("{second:02}"),
            'A' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'a' => if hour < 12 { "am" } else { "pm" }.to_owned(),
            'F' => (*month_name).to_owned(),
            'M' => month_name[..3].to_owned(),
            'l' => weekday.to_owned(),
            'D' => weekday[..3].to_owned(),
            'c' => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00"),
            other if other.is_ascii_alphabetic() => return None,
            other => other.to_string(),
        };
        text.push_str(&piece);
    }
    Some(text)
}

/// `%2F` as `/`.
fn url_decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, digits) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = &more[2..];
            }
            (byte, _) => {
                out.push(*byte);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Escape, Limits, Scope, Templates};

    fn scope() -> Scope {
        let mut scope = Scope::new();
        scope.set_step(
            "r",
            &json!({
                "response_id": "R_1", "survey_id": "SV_1", "recorded_at": "2024-07-08T16:00:23.994Z", "language": "EN",
                "recipient": { "email": "ada@example.com", "first_name": "Ada", "last_name": null },
                "embedded": { "ticket_id": "35436", "SC_1": 7, "a/b": "x" },
                "answers": {
                    "QID1": { "value": 8, "label": null, "question": "How likely?", "text": null },
                    "QID2": { "value": 4, "label": "Other", "texts": { "4": "other text" }, "text": null },
                    "QID3": { "value": ["2", "5"], "label": ["Tuesday", "Friday"], "text": null },
                    "QID4": { "value": null, "label": null, "text": "open \"text\" 👋" },
                    "QID5": { "value": null, "label": null, "rows": { "1": { "value": 3 } } },
                },
            }),
        );
        scope
    }

    fn shown(text: &str) -> Result<String, String> {
        let rewritten = Rewritten::new(text, &pipes(text), "r");
        let template = Templates::new(Limits::default()).value(&rewritten.text, Escape::None).unwrap();
        template.render(&scope()).map(|value| value.as_str().unwrap().to_owned()).map_err(|error| error.message)
    }

    #[test]
    fn each_form_gives_what_qualtrics_would() {
        for (text, expected) in [
            ("${q://QID3/ChoiceGroup/SelectedChoices}", "Tuesday, Friday"),
            ("${q://QID2/ChoiceGroup/SelectedChoices}", "Other"),
            ("${q://QID1/ChoiceGroup/SelectedChoices}", "8"),
            ("${q://QID2/ChoiceGroup/SelectedChoicesTextEntry}", "Other, other text"),
            ("${q://QID3/SelectedChoicesRecode}", "2, 5"),
            ("${q://QID3/SelectedChoicesCount}", "2"),
            ("${q://QID99/SelectedChoicesCount}", "0"),
            ("${q://QID4/ChoiceTextEntryValue}", "open \"text\" 👋"),
            ("${q://QID2/ChoiceTextEntryValue/4}", "other text"),
            ("${q://QID5/ChoiceNumericEntryValue/1}", "3"),
            ("${q://QID1/QuestionText}", "How likely?"),
            ("${q://QID99/ChoiceTextEntryValue}", ""),
            ("${e://Field/ticket_id}", "35436"),
            ("${e://Field/a/b}", "x"),
            ("${e://Field/ResponseID} ${rm://Field/ResponseID} ${e://Field/SurveyID}", "R_1 R_1 SV_1"),
            ("${m://FirstName} ${m://LastName}<${m://Email}> ${m://Language}", "Ada <ada@example.com> EN"),
            ("${gr://SC_1/Score}", "7"),
            ("${date://CurrentDate/Y%2Fm%2Fd}", "2024/07/08"),
            ("${date://CurrentDate/DS}", "07/08/2024"),
            ("${date://CurrentDate/l, j F Y g:i A}", "Monday, 8 July 2024 4:00 PM"),
            ("no pipe: ${HOME}, $5, {q://QID1}", "no pipe: ${HOME}, $5, {q://QID1}"),
            ("{{ steps.r.answers.QID1.value }} of 10: ${q://QID4/ChoiceTextEntryValue}", "8 of 10: open \"text\" 👋"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_embedded_field_that_is_missing_is_named() {
        let told = shown("Ticket ${e://Field/ticket}").unwrap_err();
        assert!(told.contains("no embedded data field `ticket`"), "{told}");
    }

    #[test]
    fn a_random_number_is_the_same_each_time_and_within_its_bounds() {
        for (from, to) in [(1, 6), (-3, 3), (5, 5), (0, i64::MAX)] {
            let text = format!("${{rand://int/{from}:{to}}}");
            let drawn: i64 = shown(&text).unwrap().parse().unwrap();
            assert!((from..=to).contains(&drawn));
            assert_eq!(shown(&text).unwrap(), drawn.to_string());
        }
    }

    #[test]
    fn what_cannot_be_piped_is_known_before_it_is_asked_for() {
        for text in [
            "${q://QID1/Nonsense}",
            "${q://Q1/QuestionText}",
            "${q://QID1/ChoiceGroup/UnselectedChoices}",
            "${m://Phone}",
            "${e://Field/}",
            "${rand://int/6:1}",
            "${rand://int/a:b}",
            "${date://CurrentDate/X}",
            "${lm://Field/1}",
            "${loc://City}",
            "${l://SurveyLink?d=Here}",
        ] {
            let found = pipes(text);
            assert!(found.len() == 1 && !found[0].is_known(), "{text}");
        }
        assert!(pipes("${q://QID1/QuestionText").is_empty(), "it does not end");
    }

    #[test]
    fn places_lead_back_to_the_text_as_it_was() {
        let text = "ab ${e://Field/x} cd {{ nope } ${m://Email} ef";
        let rewritten = Rewritten::new(text, &pipes(text), "r");
        for part in ["ab", "cd", "nope", "ef"] {
            let new = rewritten.text.find(part).unwrap();
            let old = rewritten.back(&(new..new + part.len()));
            assert_eq!(&text[old], part);
        }
        let within = rewritten.text.find("Field/x").unwrap();
        assert_eq!(&text[rewritten.back(&(within..within + 3))], "${e://Field/x}");
    }
}
