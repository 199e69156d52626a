//! Vectors: Zendesk's from its documentation and third-party suites, Slack's from its documentation, Qualtrics' from two
//! real deliveries, Canvas' from the restforce suite; the rest were computed with Python's `hmac`.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::provider::provider;

const TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
const OWN_SECRET: &str = "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=";

fn scheme(provider_name: &str, name: &str) -> &'static Scheme {
    provider(provider_name).unwrap().scheme(name).unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn zendesk_headers(timestamp: &str, signature: &str) -> HeaderMap {
    headers(&[("x-zendesk-webhook-signature", signature), ("x-zendesk-webhook-signature-timestamp", timestamp)])
}

fn at(timestamp: &str) -> Timestamp {
    Timestamp::parse(timestamp).or_else(|_| Timestamp::parse_unix_seconds(timestamp)).unwrap()
}

fn rules(now: Timestamp) -> Rules {
    Rules { now, tolerance: Duration::from_mins(5), accept_test_secret: false }
}

fn set_up(now: Timestamp) -> Rules {
    Rules { accept_test_secret: true, ..rules(now) }
}

fn secrets(list: &[&str]) -> Vec<SecretString> {
    list.iter().map(|secret| SecretString::from(*secret)).collect()
}

fn check_zendesk(secret: &str, timestamp: &str, body: &[u8], signature: &str) -> Result<(), Refused> {
    let headers = zendesk_headers(timestamp, signature);
    verify(scheme("zendesk", "webhook"), &headers, body, &secrets(&[secret]), set_up(at(timestamp))).map(|_| ())
}

const V2: &str = "{\n\t\"type\": \"zen:event-type:user.group_membership_created\",\n\t\"account_id\": 12514403,\n\t\"id\": \"6b9bbadf-5725-4e92-bebe-7b71011bf5f1\",\n\t\"subject\": \"zen:user:6596848315901\",\n\t\"time\": \"2099-07-04T05:33:18Z\",\n\t\"zendesk_event_version\": \"2022-06-20\",\n\t\"detail\": {\n\t\t\"created_at\": \"2099-07-04T05:27:58Z\",\n\t\t\"default_group_id\": \"0\",\n\t\t\"email\": \"user.name@example.com\",\n\t\t\"external_id\": \"\",\n\t\t\"id\": \"6596848315901\",\n\t\t\"organization_id\": \"0\",\n\t\t\"role\": \"end-user\",\n\t\t\"updated_at\": \"2099-07-04T05:33:18Z\"\n\t},\n\t\"event\": { \"group\": { \"id\": \"1\" } }\n}";

#[test]
fn zendesk_s_published_vectors_are_accepted() {
    let with_newline = format!("{V2}\n");
    let vectors: [(&str, &str, &[u8], &str); 9] = [
        (
            TEST_SECRET,
            "1531420618",
            br#"{"event_type": "foo.bar","data": {"key": "value"}}"#,
            "qtmu3iClLKujnujOBkwe7yjI34o5CzsLD04Uy4LbE2A=",
        ),
        (TEST_SECRET, "1234", with_newline.as_bytes(), "10IqYzYTLHRftNsNE+im0DeOM6/JactIRuy0XCHJ9B8="),
        (TEST_SECRET, "1234", V2.as_bytes(), "kvWjaewTmBsDVRjQ3UaEiTsGMU5eeIv33St++Kl9z+Q="),
        (OWN_SECRET, "2021-07-25T10:00:00Z", br#"{"say": "hello"}"#, "Rry/4TtIdFyawtXXp8QdI6tlAUUQ/5kL1OTp5qo/ZIk="),
        (TEST_SECRET, "2026-01-15T09:30:00Z", b"", "WruCHKQVc8FGDQ3dPYQtjLehCTbP3+MZvtPrHaKH+fA="),
        (TEST_SECRET, "2026-01-15T09:30:00Z", br#"{"ticket_id":"42"}"#, "MozdKEGb+oSahchEU+xjapPNMIAjrv1j/RD1zoM9vaU="),
        (
            TEST_SECRET,
            "2026-01-15T09:30:00Z",
            b"{\"ticket_id\":\"42\"}\n",
            "1Q8oqy8jJ/f9sd4C/MPenXaCAwQSFilAeRReVrCBc+8=",
        ),
        (
            TEST_SECRET,
            "2026-01-15T09:30:00Z",
            "{\"subject\":\"Zürich – 東京 ☕\"}".as_bytes(),
            "/4VDPvDcVaa5Yz2cTqc9tDWzaMBb1w3A4/qHsfYKtPo=",
        ),
        (
            TEST_SECRET,
            "2026-01-15T09:30:00Z",
            b"ticket_id=42&status=open",
            "b614h+Ug6I25c+yrXmlq6S03iJ593G2VdT+TTL1Fbss=",
        ),
    ];
    for (number, (secret, timestamp, body, signature)) in vectors.into_iter().enumerate() {
        assert_eq!(check_zendesk(secret, timestamp, body, signature), Ok(()), "vector {number}");
        assert_eq!(sign(scheme("zendesk", "webhook"), secret, timestamp, body), signature, "vector {number}");
    }
}

#[test]
fn zendesk_signatures_made_the_wrong_way_are_refused() {
    let body = br#"{"ticket_id":"42"}"#;
    let wrong = [
        ("body before timestamp", "TKuCyZTtzvR91t/9NbHOzLrRqo5AtY6esd4QYvApTk0="),
        ("secret decoded from base 64", "Dwr1HmCEwFzFbLSifr6VFDeHsKSQZtzaCFMPnCQVA1g="),
        ("a dot between", "JdhpCdquXRbw4utevpa1oqZzooe/aonNxtudk6Cogbs="),
        ("hexadecimal", "328cdd28419bfa849a85c84453ec636a93cd308023aefd63fd10f5ce833dbda5"),
    ];
    for (how, signature) in wrong {
        assert_eq!(
            check_zendesk(TEST_SECRET, "2026-01-15T09:30:00Z", body, signature),
            Err(Refused::Mismatch),
            "{how}"
        );
    }
}

#[test]
fn the_reversed_order_vector_of_2021_is_refused() {
    let printed_in_2021 = "tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw=";
    let refused = check_zendesk(OWN_SECRET, "2021-07-25T10:00:00Z", br#"{"say": "hello"}"#, printed_in_2021);
    assert_eq!(refused, Err(Refused::Mismatch));
}

#[test]
fn the_public_test_secret_is_refused_on_a_normal_source() {
    let timestamp = "2026-01-15T09:30:00Z";
    let headers = zendesk_headers(timestamp, "MozdKEGb+oSahchEU+xjapPNMIAjrv1j/RD1zoM9vaU=");
    let body = br#"{"ticket_id":"42"}"#;
    for configured in [secrets(&["an-own-secret"]), secrets(&[TEST_SECRET])] {
        let refused = verify(scheme("zendesk", "webhook"), &headers, body, &configured, rules(at(timestamp)));
        assert_eq!(refused, Err(Refused::PublicTestSecret));
    }
    let refused = verify(scheme("zendesk", "webhook"), &headers, body, &[], rules(at(timestamp)));
    assert_eq!(refused, Err(Refused::NoSecret));
    assert!(verify(scheme("zendesk", "webhook"), &headers, body, &[], set_up(at(timestamp))).is_ok());
}

#[test]
fn any_active_secret_is_accepted_during_a_rotation_and_a_removed_one_is_not() {
    let (timestamp, body) = ("2026-01-15T09:30:00Z", b"{}");
    let zendesk = scheme("zendesk", "webhook");
    for signer in ["previous", "current"] {
        let headers = zendesk_headers(timestamp, &sign(zendesk, signer, timestamp, body));
        assert!(verify(zendesk, &headers, body, &secrets(&["current", "previous"]), rules(at(timestamp))).is_ok());
    }
    let headers = zendesk_headers(timestamp, &sign(zendesk, "previous", timestamp, body));
    let refused = verify(zendesk, &headers, body, &secrets(&["current"]), rules(at(timestamp)));
    assert_eq!(refused, Err(Refused::Mismatch));
}

#[test]
fn an_empty_secret_accepts_nothing() {
    let (timestamp, body) = ("2026-01-15T09:30:00Z", b"{}");
    let zendesk = scheme("zendesk", "webhook");
    let headers = zendesk_headers(timestamp, &sign(zendesk, "", timestamp, body));
    assert_eq!(verify(zendesk, &headers, body, &secrets(&[""]), rules(at(timestamp))), Err(Refused::NoSecret));
    assert_eq!(verify(zendesk, &headers, body, &secrets(&["", "x"]), rules(at(timestamp))), Err(Refused::Mismatch));
}

#[test]
fn timestamps_are_good_up_to_the_tolerance_in_both_directions() {
    let (timestamp, body) = ("2026-01-15T09:30:00Z", b"{}");
    let zendesk = scheme("zendesk", "webhook");
    let headers = zendesk_headers(timestamp, &sign(zendesk, "secret", timestamp, body));
    let check = |now: Timestamp| verify(zendesk, &headers, body, &secrets(&["secret"]), rules(now)).map(|_| ());
    let signed_at = at(timestamp);
    for seconds in [0, 299, 300] {
        assert_eq!(check(signed_at.plus(Duration::from_secs(seconds))), Ok(()));
        assert_eq!(check(signed_at.minus(Duration::from_secs(seconds))), Ok(()));
    }
    for (now, side, words) in [
        (
            signed_at.plus(Duration::from_secs(301)),
            Side::Behind,
            "301 s behind our clock, more than the tolerance of 300 s",
        ),
        (
            signed_at.minus(Duration::from_secs(301)),
            Side::Ahead,
            "301 s ahead of our clock, more than the tolerance of 300 s",
        ),
    ] {
        let refused = check(now).unwrap_err();
        assert_eq!(refused, Refused::Stale { off_by_seconds: 301, side, tolerance_seconds: 300 });
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

#[test]
fn a_wrong_signature_is_a_mismatch_even_when_it_is_stale_too() {
    let headers = zendesk_headers("2021-07-25T10:00:00Z", "Rry/4TtIdFyawtXXp8QdI6tlAUUQ/5kL1OTp5qo/ZIk=");
    let refused = verify(
        scheme("zendesk", "webhook"),
        &headers,
        b"other",
        &secrets(&[OWN_SECRET]),
        rules(at("2026-01-15T09:30:00Z")),
    );
    assert_eq!(refused, Err(Refused::Mismatch));
}

#[test]
fn missing_doubled_and_unreadable_headers_are_refused() {
    let (timestamp, body) = ("2026-01-15T09:30:00Z", b"{}".as_slice());
    let zendesk = scheme("zendesk", "webhook");
    let good = sign(zendesk, "secret", timestamp, body);
    let check =
        |headers: &HeaderMap| verify(zendesk, headers, body, &secrets(&["secret"]), rules(at(timestamp))).map(|_| ());
    for name in ["x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"] {
        let mut missing = zendesk_headers(timestamp, &good);
        missing.remove(name);
        assert_eq!(check(&missing), Err(Refused::Missing(format!("header {name}"))));
        let mut doubled = zendesk_headers(timestamp, &good);
        doubled.append(name, doubled[name].clone());
        assert_eq!(check(&doubled), Err(Refused::Doubled(format!("header {name}"))));
    }
    for unreadable in ["", "%%%", "Rry/4TtIdFyawtXXp8QdI6tlAUUQ/5kL1OTp5qo/ZIk=,other"] {
        assert!(check(&zendesk_headers(timestamp, unreadable)).is_err(), "{unreadable}");
    }
    let signed_nonsense = sign(zendesk, "secret", "yesterday", body);
    let refused = check(&zendesk_headers("yesterday", &signed_nonsense));
    assert_eq!(refused, Err(Refused::Unreadable("header x-zendesk-webhook-signature-timestamp".to_owned())));
}

#[test]
fn slack_s_published_vector_and_its_companions_are_accepted() {
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    let published = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let vectors = [
        (published, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ("", "v0=55f41ec73231010289b54e669149ea021fccab11b5524355523533ce930cb739"),
        (
            "{\"type\":\"url_verification\",\"challenge\":\"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P\"}",
            "v0=2b617e8d1eba789c3e90a54b772adadfc772137987c87d3c1e4129005632e406",
        ),
        (
            "payload=%7B%22text%22%3A%22h%C3%A9%22%7D",
            "v0=c75a8ad3e905742d8cf19f26fd7f23752117bfd9dd815cd27020140a0e780549",
        ),
        ("{\"text\":\"héllo ✓\"}", "v0=9344dfea7131a22daee4224b9d9877f6746a5f9231d4744ba32fbaaeb037675b"),
    ];
    for (body, signature) in vectors {
        let headers = headers(&[("x-slack-signature", signature), ("x-slack-request-timestamp", "1531420618")]);
        let verified =
            verify(scheme("slack", "v0"), &headers, body.as_bytes(), &secrets(&[secret]), rules(at("1531420618")));
        assert_eq!(verified.map(|v| v.payload.into_owned()), Ok(body.as_bytes().to_vec()), "{body}");
    }
    let unprefixed = headers(&[("x-slack-signature", &vectors[1].1[3..]), ("x-slack-request-timestamp", "1531420618")]);
    let refused = verify(scheme("slack", "v0"), &unprefixed, b"", &secrets(&[secret]), rules(at("1531420618")));
    let (place, expected) = ("header x-slack-signature".to_owned(), "v0=".to_owned());
    assert_eq!(refused, Err(Refused::OtherScheme { place, expected }));
}

#[test]
fn a_real_qualtrics_delivery_is_accepted_in_any_field_order() {
    let mac = "5db5cd1e0200e9ce6831ea0f1924beb97f136939e367c53f5af8f7d79c6727af495cb90d6c744fe72ab45efd9f9f2ba7c15b13fdf6565af3d5a4f50ed2c0c7d4";
    let message = "%7B%22Status%22%3A%22Complete%22%2C%22SurveyID%22%3A%22SV_22VlHYNeldrrrkp%22%2C%22ResponseID%22%3A%22R_1l9mcVuXubb4aGm%22%2C%22CompletedDate%22%3A%222019-06-26%2013%3A28%3A11%22%2C%22BrandID%22%3A%22sapdevelopment%22%7D";
    let topic = "Topic=sapdevelopment.surveyengine.completedResponse.SV_22VlHYNeldrrrkp";
    let scheme = scheme("qualtrics", "event_subscription");
    let check = |body: &str| {
        verify(scheme, &HeaderMap::new(), body.as_bytes(), &secrets(&["kyma4ever"]), rules(Timestamp::default()))
            .map(|v| v.payload.into_owned())
    };
    let orders = [format!("HMAC={mac}&MSG={message}&{topic}&undefined="), format!("{topic}&MSG={message}&HMAC={mac}")];
    for body in &orders {
        let payload = check(body).unwrap();
        assert_eq!(payload, br#"{"Status":"Complete","SurveyID":"SV_22VlHYNeldrrrkp","ResponseID":"R_1l9mcVuXubb4aGm","CompletedDate":"2019-06-26 13:28:11","BrandID":"sapdevelopment"}"#);
    }
    assert_eq!(check(&format!("{}&HMAC={mac}", orders[0])), Err(Refused::Doubled("form field HMAC".to_owned())));
    assert_eq!(check("Topic=x&Status=Complete"), Err(Refused::Missing("form field HMAC".to_owned())));
    assert_eq!(check(&orders[0].replace("R_1l9", "R_1l8")), Err(Refused::Mismatch));
}

#[test]
fn qualtrics_messages_are_hashed_after_form_decoding() {
    let body = "Topic=examplebrand.surveyengine.completedResponse.SV_0000000000000AA&HMAC=08f1ed470c6381ce04c8ee45946264f8687cbd814cd5b934bf6986ab3134ec964a9c03e4fb54551d2217be5ea6e52c7861af202cced6c2f94f9122cbd7d9c2c6&MSG=%7B%22Status%22%3A%22Complete%22%2C%22SurveyID%22%3A%22SV_0000000000000AA%22%2C%22RecipientID%22%3A%22%22%2C%22ResponseEventContext%22%3A%22caf%C3%A9+%E2%9C%93+100%25+%2B+x%22%2C%22DistributionID%22%3A%22EMD_000000000000001%22%2C%22ResponseID%22%3A%22R_000000000000001%22%2C%22CompletedDate%22%3A%222024-05-01+12%3A34%3A56%22%2C%22BrandID%22%3A%22examplebrand%22%7D";
    let scheme = scheme("qualtrics", "event_subscription");
    let secret = secrets(&["relay-test-key-0123456789abcdef!"]);
    assert!(verify(scheme, &HeaderMap::new(), body.as_bytes(), &secret, rules(Timestamp::default())).is_ok());
}

#[test]
fn canvas_requests_are_verified_over_the_encoded_text_and_come_out_decoded() {
    let scheme = scheme("salesforce", "canvas");
    let check = |secret: &str, signed_request: &str| {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("signed_request", signed_request).finish();
        verify(scheme, &HeaderMap::new(), body.as_bytes(), &secrets(&[secret]), rules(Timestamp::default()))
            .map(|v| v.payload.into_owned())
    };
    let first = "jdqzRkeaYh9oBgG+HnPIftTtAyWjkRGg3/oLp0dYB2g=.eyJhbGdvcml0aG0iOiJITUFDU0hBMjU2IiwiaXNzdWVkQXQiOjE4OTM0NTYwMDAsInVzZXJJZCI6IjAwNUIwMDAwMDAxQWJDZElBSyJ9";
    let payload = check("canvas-test-secret-1234", first).unwrap();
    assert_eq!(payload, br#"{"algorithm":"HMACSHA256","issuedAt":1893456000,"userId":"005B0000001AbCdIAK"}"#);
    let second = "R7KwhgN/D2JqhRdpqpY1JpgifdcYRXHuzrDVHBUfaVc=.eyJhbGdvcml0aG0iOiJITUFDU0hBMjU2IiwidXNlcklkIjoieCIsImNvbnRleHQiOnsiZW52aXJvbm1lbnQiOnsicmVjb3JkIjp7IklkIjoiMDAxQjAwMDAwMUFiQ2RFSUFWIiwiYXR0cmlidXRlcyI6eyJ0eXBlIjoiQWNjb3VudCJ9LCJOYW1lIjoiU8O2aG5lPz8/Pj4+In19fX0=";
    assert!(check("canvas-test-secret-1234", second).is_ok());
    assert!(check("foo", "SCmqWRlvVOX07lm6ccj6hYe8B2dZqn5h6nwa/VBpnjc=.eyJrZXkiOiAidmFsdWUifQ==").is_ok());
    for bad in [
        "",
        ".eyJrZXkiOiAidmFsdWUifQ==",
        "SCmqWRlvVOX07lm6ccj6hYe8B2dZqn5h6nwa/VBpnjc=",
        "SCmqWRlvVOX07lm6ccj6hYe8B2dZqn5h6nwa/VBpnjc=.eyJrZXkiOiAidmFsdWUifR==",
    ] {
        assert!(check("foo", bad).is_err(), "{bad}");
    }
}

#[test]
fn the_apex_scheme_accepts_its_vector() {
    let body = br#"{"v":1,"org":"00DB0000000TfcRMAS","sobject":"Account","id":"001B000001AbCdEIAV","event":"update"}"#;
    let headers = headers(&[
        ("x-relay-signature", "v0=71fea4f1d40d4170eb8b7b0f12facaa62659b9f7f4dc896ab9c3e0fb1d2e12c0"),
        ("x-relay-timestamp", "1893456000"),
    ]);
    assert!(
        verify(scheme("salesforce", "apex"), &headers, body, &secrets(&["relay-secret-0001"]), rules(at("1893456000")))
            .is_ok()
    );
}

#[test]
fn static_secrets_are_compared_whole() {
    let scheme = scheme("qualtrics", "static_secret");
    let check = |sent: &str| {
        verify(
            scheme,
            &headers(&[("x-deskwire-secret", sent)]),
            b"{}",
            &secrets(&["a-long-secret"]),
            rules(Timestamp::default()),
        )
        .map(|_| ())
    };
    assert_eq!(check("a-long-secret"), Ok(()));
    for wrong in ["a-long-secre", "a-long-secret-", "A-long-secret"] {
        assert_eq!(check(wrong), Err(Refused::Mismatch));
    }
}
