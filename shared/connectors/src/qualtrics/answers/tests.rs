//! Responses as Qualtrics records them, sorted.

use super::*;

/// Put together from recorded responses, with invented values.
fn response() -> Value {
    json!({
        "responseId": "R_1",
        "values": {
            "startDate": "2024-07-08T15:59:53Z", "endDate": "2024-07-08T16:00:23Z", "status": 0, "progress": 100,
            "duration": 29, "finished": 1, "recordedDate": "2024-07-08T16:00:23.994Z", "_recordId": "R_1",
            "distributionChannel": "email", "userLanguage": "EN", "recipientFirstName": "Ada",
            "recipientEmail": "ada@example.com", "externalDataReference": "29",
            "QID1": 4, "QID1_NPS_GROUP": 1, "QID2": 4, "QID2_4_TEXT": "other text", "QID3": ["2", "5"],
            "QID4_TEXT": "open <b>text</b>", "QID5_1": 3, "QID5_2": 5, "QID6": 2, "QID6_DO": ["1", "2", "3"],
            "1_QID7": 1, "QID8": 1, "QID9_BROWSER": "Firefox", "ticket_id": "35436", "SC_1": 7
        },
        "labels": { "finished": "True", "QID1_NPS_GROUP": "Detractor", "QID2": "Other (specify)",
                    "QID3": ["Tuesday", "<i>Friday</i>"], "QID6": "No" },
        "displayedFields": ["QID1", "QID4_TEXT"]
    })
}

fn definition() -> Value {
    json!({
        "name": "After a ticket",
        "questions": {
            "QID1": { "questionName": "Q1_nps", "questionText": "How <b>likely</b>?", "choices": [] },
            "QID5": { "questionName": "Q5", "questionText": "Rate", "choices": { "3": { "recode": "3", "choiceText": "Fine" },
                      "5": { "recode": "5", "choiceText": "Bad" } },
                      "subQuestions": { "1": { "choiceText": "Speed" }, "2": { "choiceText": "Tone" } } },
            "QID10": { "questionName": "Q10", "questionText": "Anything else?" },
            "QID8": { "questionName": "call", "questionText": "Call you?",
                      "choices": { "7": { "recode": "1", "choiceText": "Yes" }, "8": { "recode": "2", "choiceText": "No" } } }
        }
    })
}

#[test]
fn a_response_is_sorted_into_answers_embedded_data_and_the_rest() {
    let sorted = sorted("SV_1", &response(), &survey(&definition()));
    let answer = |id: &str| sorted["answers"][id].clone();
    assert_eq!(
        (&sorted["survey_name"], &sorted["finished"], &sorted["preview"]),
        (&json!("After a ticket"), &json!(true), &json!(false))
    );
    assert_eq!(sorted["nps"], json!({ "score": 4, "group": "detractor" }));
    assert_eq!(answer("QID1")["question"], "How likely?");
    assert_eq!(
        (&answer("QID2")["label"], &answer("QID2")["texts"]),
        (&json!("Other (specify)"), &json!({ "4": "other text" }))
    );
    assert_eq!(answer("QID3")["label"], json!(["Tuesday", "Friday"]));
    assert_eq!(answer("QID4")["text"], "open <b>text</b>", "what a person wrote is theirs");
    assert_eq!(answer("QID5")["rows"]["1"], json!({ "value": 3, "label": "Fine", "row": "Speed" }));
    assert_eq!(answer("1_QID7")["value"], 1, "a pass of a loop");
    assert_eq!(answer("QID8")["label"], "Yes", "by its recode value, not its number");
    assert_eq!(sorted["by_name"]["call"]["label"], "Yes");
    assert_eq!(sorted["by_name"]["Q10"]["value"], Value::Null, "asked, and not answered");
    assert_eq!(sorted["embedded"], json!({ "ticket_id": "35436", "SC_1": 7 }));
    assert_eq!(sorted["recipient"]["email"], "ada@example.com");
}

#[test]
fn without_a_definition_and_with_strange_answers_nothing_is_lost() {
    let strange = json!({ "responseId": "R_2", "values": {
        "QID1": null, "QID2": { "a": 1 }, "QID3_a_b_c": true, "QID": 1, "QIDx!": 2, "status": 1, "": "x",
        "QID10_TEXT": "مرحبا 👋 <script>".repeat(2_000) }, "labels": [] });
    let sorted = sorted("SV_1", &strange, &Survey::default());
    assert_eq!(sorted["preview"], true);
    assert_eq!(sorted["answers"]["QID3"]["more"], json!({ "a_b_c": true }));
    assert_eq!(sorted["embedded"], json!({ "QID": 1, "QIDx!": 2, "": "x" }));
    assert_eq!(sorted["answers"]["QID10"]["text"], strange["values"]["QID10_TEXT"]);
    assert_eq!(sorted["nps"], json!({ "score": null, "group": null }));
    assert_eq!(sorted["by_name"], json!({}));
}

/// Recorded in 2021 and 2023 from public surveys, with ids, names and texts of our own.
fn odd() -> Value {
    let text = r#"{
        "responseId": "R_3",
        "values": {
            "QID64_0_GROUP": ["14", "16", "13"], "QID64_G0_13_RANK": 3, "QID64_G0_14_RANK": 1, "QID64_G0_16_RANK": 2,
            "QID64_2_GROUP": ["9"], "QID64_G2_9_RANK": 1,
            "QID67_7": 4, "QID67_2": 40, "QID16_1": "Ada", "QID16_2": "Lovelace",
            "QID17_FILE_ID": "F_2TZ", "QID17_FILE_NAME": "bill.jpeg", "QID17_FILE_SIZE": 4685845,
            "QID17_FILE_TYPE": "image/jpeg", "QID40_FILE_ID": "F_SIG", "QID40_FILE_NAME": "signature.png",
            "QID18#1_1": 1, "QID18#1_2": 2, "QID18#2_1": 2, "QID18#2_2_1": "because", "QID18#2_1_TEXT": "more",
            "QID18#2_DO": ["2", "1"],
            "QID19_1": 2, "QID19_2": 3, "QID19_3": 1,
            "QID20_BROWSER": "Safari iPhone", "QID20_VERSION": "16.0", "QID20_OS": "iPhone", "QID20_RESOLUTION": "390x844",
            "QID26_FIRST_CLICK": 2.027, "QID26_LAST_CLICK": 192.993, "QID26_PAGE_SUBMIT": 193.705, "QID26_CLICK_COUNT": 109,
            "QID28_1": 5660, "QID28_2": 65, "QID5_1_2": 1, "QID5_2_2": 3, "QID8_REGIONS": ["Region #1"], "QID2_4": 3,
            "QID3": ["x2", "5"], "QID3_x2_TEXT": "carried", "QID4_TEXT": "ok", "QID4_TEXT_SENTIMENT": "Neutral", "QID9_wild": 1
        },
        "labels": { "QID64_0_GROUP": ["RD", "<b>RE</b>", "RA"], "QID2_4": "Like" },
        "displayedFields": []
    }"#;
    deskwire_core::json::from_str(text).unwrap()
}

fn odd_definition() -> Value {
    let choices = |texts: &[(&str, &str)]| {
        let choices = texts.iter().map(|(id, text)| ((*id).to_owned(), json!({ "recode": id, "choiceText": text })));
        Value::Object(choices.collect())
    };
    let question =
        |kind: &str, texts: &[(&str, &str)]| json!({ "questionType": { "type": kind }, "choices": choices(texts) });
    let mut sorted = question("PGR", &[("9", "Nine"), ("13", "Thirteen")]);
    sorted["groups"] = json!(["Best", "Fair", "Worst"]);
    let mut matrix = question("Matrix", &[("1", "Now"), ("2", "Later")]);
    matrix["subQuestions"] = choices(&[("1", "Speed"), ("2", "Tone")]);
    json!({ "name": "Odd", "questions": {
        "QID64": sorted, "QID67": question("Slider", &[("7", "Helpful"), ("2", "Fast"), ("4", "never a label")]),
        "QID16": question("TE", &[("1", "First name"), ("2", "Last name")]),
        "QID19": question("RO", &[("1", "Price"), ("2", "Speed"), ("3", "Tone")]), "QID5": matrix,
        "QID28": question("CS", &[("1", "Rent"), ("2", "Food")]), "QID2": question("HotSpot", &[("4", "Left")]),
    } })
}

#[test]
fn ranks_groups_sliders_sums_forms_files_and_columns_have_shapes_with_their_words() {
    let sorted = sorted("SV_1", &odd(), &survey(&odd_definition()));
    let answer = |id: &str| sorted["answers"][id].clone();
    assert_eq!(
        answer("QID64")["groups"],
        json!([
            { "group": 0, "name": "Best", "items": [{ "choice": "14", "label": "RD", "rank": 1 },
              { "choice": "16", "label": "RE", "rank": 2 }, { "choice": "13", "label": "RA", "rank": 3 }] },
            { "group": 2, "name": "Worst", "items": [{ "choice": "9", "label": "Nine", "rank": 1 }] },
        ])
    );
    assert_eq!(
        answer("QID19")["ranks"],
        json!([{ "choice": "3", "label": "Tone", "rank": 1 }, { "choice": "1", "label": "Price", "rank": 2 },
               { "choice": "2", "label": "Speed", "rank": 3 }])
    );
    assert_eq!(answer("QID67")["rows"]["7"], json!({ "value": 4, "label": null, "row": "Helpful" }), "4 is no choice");
    assert_eq!(answer("QID28")["rows"]["1"], json!({ "value": 5660, "label": null, "row": "Rent" }));
    assert_eq!(answer("QID16")["rows"]["2"], json!({ "value": "Lovelace", "label": null, "row": "Last name" }));
    assert_eq!(answer("QID2")["rows"]["4"], json!({ "value": 3, "label": "Like", "row": "Left" }));
    assert_eq!(
        answer("QID17")["file"],
        json!({ "id": "F_2TZ", "name": "bill.jpeg", "size": 4_685_845, "type": "image/jpeg" })
    );
    assert_eq!(answer("QID40")["file"], json!({ "id": "F_SIG", "name": "signature.png" }), "a signature");
    assert_eq!(answer("QID18")["columns"]["1"]["rows"]["2"]["value"], 2);
    assert_eq!(answer("QID18")["columns"]["2"]["rows"]["2"]["columns"]["1"]["value"], "because");
    assert_eq!(answer("QID18")["columns"]["2"]["texts"], json!({ "1": "more" }));
    assert_eq!(
        answer("QID5")["rows"]["2"],
        json!({ "value": null, "label": null, "row": "Tone", "columns": { "2": { "value": 3, "label": "Later" } } })
    );
    assert_eq!(answer("QID26")["timing"]["click_count"], 109);
    assert_eq!(answer("QID20")["browser"]["os"], "iPhone");
    assert_eq!(
        (&answer("QID8")["regions"], &answer("QID3")["texts"]),
        (&json!(["Region #1"]), &json!({ "x2": "carried" }))
    );
    assert_eq!(answer("QID4")["more"], json!({ "TEXT_SENTIMENT": "Neutral" }));
    assert_eq!(answer("QID9")["more"], json!({ "wild": 1 }));
    assert_eq!(sorted["embedded"], json!({}), "none of it is taken for embedded data");
}

#[test]
fn without_the_survey_what_was_sorted_has_the_words_of_the_response() {
    let sorted = sorted("SV_1", &odd(), &Survey::default());
    let group = &sorted["answers"]["QID64"]["groups"][0];
    assert_eq!((&group["name"], &group["items"][1]["label"]), (&Value::Null, &json!("RE")));
    assert_eq!(
        sorted["answers"]["QID19"]["rows"]["2"]["value"], 3,
        "and where nothing tells that it is an order, the numbers"
    );
}

#[test]
fn whatever_a_response_holds_fits_the_schema_that_is_shown() {
    let schema = crate::schema::of::<crate::qualtrics::get_response::GetResponseOutput>();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (response, definition) in
        [(response(), definition()), (odd(), odd_definition()), (odd(), json!({})), (response(), json!({}))]
    {
        let sorted = sorted("SV_1", &response, &survey(&definition));
        let problems: Vec<String> =
            schema.iter_errors(&sorted).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(problems, [""; 0]);
    }
}
