//! The page `/slack`.

use crate::testing::{get, sandbox, slack};
use crate::world::{DANA_SLACK, LEADS, SUPPORT};

#[tokio::test]
async fn emoji_names_are_shown_as_emoji_in_texts_headers_and_rich_text_and_on_messages() {
    let sandbox = sandbox();
    let blocks = r#"[{"type":"header","text":{"type":"plain_text","text":":fire: Late"}},
        {"type":"section","text":{"type":"plain_text","text":":zap:","emoji":false}},
        {"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"Hi "},{"type":"emoji","name":"wave"}]}]}]"#;
    for (text, blocks) in [(":rotating_light: urgent :no_such_name: :flag-nl:", ""), ("with blocks", blocks)] {
        slack(&sandbox, "chat.postMessage", &[("channel", SUPPORT), ("text", text), ("blocks", blocks)]).await;
    }
    let page = get(&sandbox, &format!("/slack?channel={SUPPORT}")).await.text();
    for shown in ["🚨</span> urgent :no_such_name: ", "🇳🇱", "🔥</span> Late", ":zap:", "👋"] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("⚡"), "emoji: false is plain text");
}

#[tokio::test]
async fn the_conversation_with_the_newest_message_is_shown() {
    let sandbox = sandbox();
    assert!(get(&sandbox, "/slack").await.text().contains("I can take the one with the <strong>helmets</strong>"));
    slack(&sandbox, "chat.postMessage", &[("channel", DANA_SLACK), ("text", "Hello *Dana*")]).await;
    let page = get(&sandbox, "/slack").await.text();
    for part in ["Hello <strong>Dana</strong>", ">APP<", "<h1>Dana Quist</h1>", "Today", "08:15"] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn what_is_posted_cannot_bring_markup_into_the_page() {
    let sandbox = sandbox();
    let text = "<script>alert(1)</script> <javascript:alert(1)|click> `<img src=x>` &lt;b&gt;";
    slack(&sandbox, "chat.postMessage", &[("channel", SUPPORT), ("text", text)]).await;
    let answer = get(&sandbox, &format!("/slack?channel={SUPPORT}")).await;
    let page = answer.text();
    for bad in ["<script", "<img", "href=\"javascript", "<b>"] {
        assert!(!page.contains(bad), "{bad}");
    }
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
}

#[tokio::test]
async fn a_person_sees_private_channels_too_and_an_unknown_id_is_said_to_be_one() {
    let sandbox = sandbox();
    assert!(get(&sandbox, &format!("/slack?channel={LEADS}")).await.text().contains("on-call plan"));
    assert!(get(&sandbox, "/slack?channel=C404").await.text().contains("No such conversation"));
}

#[tokio::test]
async fn following_along_reloads_the_page() {
    let sandbox = sandbox();
    assert!(!get(&sandbox, "/slack").await.text().contains("http-equiv"));
    assert!(get(&sandbox, "/slack?refresh=on").await.text().contains("http-equiv=\"refresh\" content=\"2\""));
}

#[tokio::test]
async fn replies_stand_below_their_message() {
    let sandbox = sandbox();
    let post = async |text: &str, thread: &str| {
        let arguments = [("channel", SUPPORT), ("text", text), ("thread_ts", thread)];
        slack(&sandbox, "chat.postMessage", &arguments).await["ts"].as_str().unwrap().to_owned()
    };
    let parent = post("the parent", "").await;
    post("the next", "").await;
    post("the reply", &parent).await;
    let page = get(&sandbox, &format!("/slack?channel={SUPPORT}")).await.text();
    let place = |text: &str| page.find(text).unwrap();
    assert!(place("the parent") < place("1 reply") && place("the reply") < place("the next"));
}
