//! The keys of single nodes on links: `[links.nodes."NODE"]`.

use super::Secret;
use super::key::{Change, Field, Key, table};
use super::kind::OptionalSecret;

table! {
    /// One other node on links, by its host. A table for each that has a credential of its own.
    struct LinkNode, "links.nodes.\"NODE\"", LinkNode() {
        /// The credential that this node and that one show each other, in the place of `links.token`. That node has the same,
        /// in a table for the first `realm` of this one.
        token: Option<Secret> = None,
            &OptionalSecret { min_bytes: 16, example: "\"at-least-16-characters\"" }, Reload;
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_node_may_have_a_token_of_its_own_which_a_running_server_takes_over() {
        let text =
            "[links]\nallow = \"far.example\"\n[links.nodes.\"FAR.example\"]\ntoken = \"0123456789abcdef\"";
        let config = Config::parse(text, "test.toml").unwrap();
        let token = config.link_nodes["far.example"].token.as_ref();
        assert_eq!(token.unwrap().expose(), "0123456789abcdef");
        let reload = Config::default().reload(&config);
        assert_eq!(reload.config.link_nodes, config.link_nodes);
        assert!(reload.taken.contains(&"links.nodes".to_owned()));
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn what_is_no_node_or_no_token_is_refused() {
        let refused = |text: &str, part: &str| {
            let error = Config::parse(text, "test.toml").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused(
            "[links.nodes.\"a b\"]\ntoken = \"0123456789abcdef\"",
            "is no host",
        );
        refused("[links.nodes.far]\ntoken = \"short\"", "at least 16");
        refused("[links.nodes.far]\n", "has no `token`");
        refused("[links.nodes.far]\ntokens = 1", "did you mean `token`?");
        let twice = "[links.nodes.far]\ntoken = \"0123456789abcdef\"\n[links.nodes.FAR]\ntoken = \"0123456789abcdef\"";
        refused(twice, "names the same node as another table");
    }

    #[test]
    fn a_link_needs_a_token_or_certificates_on_both_sides() {
        let parse = |more: &str| Config::parse(&format!("{more}\n[links]\nallow = \"far\"\n"), "test.toml");
        assert!(parse("").is_err());
        assert!(parse("[links.nodes.far]\ntoken = \"0123456789abcdef\"").is_ok());
        let tls = "[tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"c\"\nkey = \"k\"\nclient_roots = \"r\"\n";
        assert!(Config::parse(&format!("{tls}[links]\nallow = \"far\""), "test.toml").is_err());
        let own = "[links]\nallow = \"far\"\ncertificate = \"c\"\nkey = \"k\"";
        assert!(Config::parse(&format!("{tls}{own}"), "test.toml").is_ok());
        assert!(Config::parse(own, "test.toml").is_ok(), "a node that only dials");
        let half = Config::parse("[links]\ncertificate = \"c\"", "test.toml").unwrap_err();
        assert!(half.to_string().contains("go together"), "{half}");
        let nowhere = Config::parse("[tls]\nclient_roots = \"r\"", "test.toml").unwrap_err();
        assert!(nowhere.to_string().contains("`tls.listen`"), "{nowhere}");
    }
}
