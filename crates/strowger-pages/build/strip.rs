//! From TypeScript to JavaScript by overwriting the types with blanks: lines, columns and comments stay where they were.
//!
//! Only what can be erased is taken; an `enum`, a `namespace` or a parameter property is a fault. So every module can be
//! done alone, and no compiler has to be installed where the server is built.

use std::fmt;

use tree_sitter::{Node, Parser, Tree};

/// Why a module cannot be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From 1.
    line: usize,
    /// From 1.
    column: usize,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

impl Fault {
    fn at(node: Node<'_>, what: impl Into<String>) -> Self {
        let start = node.start_position();
        Self {
            line: start.row + 1,
            column: start.column + 1,
            what: what.into(),
        }
    }
}

/// Takes the types out of a module.
///
/// # Errors
///
/// Where the module cannot be read, or needs more than erasing.
pub(crate) fn types(source: &str) -> Result<String, Fault> {
    let mut blanks = Blanks(source.as_bytes().to_vec());
    blanks.visit(parse(source)?.root_node())?;
    let script = String::from_utf8_lossy(&blanks.0).into_owned();
    // A return type across two lines, for one, leaves something that is no JavaScript.
    check(parse(&script)?.root_node())?;
    Ok(script)
}

fn parse(source: &str) -> Result<Tree, Fault> {
    let mut parser = Parser::new();
    let language = tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into();
    let tree = match parser.set_language(&language) {
        Ok(()) => parser.parse(source, None),
        Err(_) => None,
    };
    tree.ok_or_else(|| Fault {
        line: 1,
        column: 1,
        what: "the parser and its grammar do not fit together".to_owned(),
    })
}

/// What stands between the parts of a JavaScript program, and is nothing in it.
const TYPES: [&str; 17] = [
    "abstract_method_signature",
    "accessibility_modifier",
    "ambient_declaration",
    "asserts_annotation",
    "function_signature",
    "implements_clause",
    "index_signature",
    "interface_declaration",
    "method_signature",
    "opting_type_annotation",
    "omitting_type_annotation",
    "override_modifier",
    "type_alias_declaration",
    "type_annotation",
    "type_arguments",
    "type_parameters",
    "type_predicate_annotation",
];

/// What means something when the program runs.
const UNSUPPORTED: [&str; 5] = [
    "decorator",
    "enum_declaration",
    "import_alias",
    "internal_module",
    "type_assertion",
];

/// The source, with what was blanked so far.
struct Blanks(Vec<u8>);

impl Blanks {
    fn visit(&mut self, node: Node<'_>) -> Result<(), Fault> {
        fault(node)?;
        match node.kind() {
            kind if TYPES.contains(&kind) => self.blank(node),
            "import_statement" | "export_statement" if is_of_types(node) => self.blank(node),
            "import_specifier" | "export_specifier" if has_token(node, "type") => self.blank_listed(node),
            "as_expression" | "satisfies_expression" => return self.keep_first(node),
            "non_null_expression" => return self.keep_first(node),
            // What a subclass has must not be hidden by a field of the same name.
            "public_field_definition" if has_token(node, "declare") || has_token(node, "abstract") => {
                self.blank(node);
            }
            "public_field_definition" | "method_definition" | "variable_declarator" => {
                return self.without(node, &["readonly", "?", "!", "abstract", "static readonly"]);
            }
            "optional_parameter" => return self.without(node, &["?"]),
            "abstract_class_declaration" => return self.without(node, &["abstract"]),
            _ => return self.children(node),
        }
        Ok(())
    }

    fn children(&mut self, node: Node<'_>) -> Result<(), Fault> {
        node.children(&mut node.walk())
            .try_for_each(|child| self.visit(child))
    }

    /// Keeps the children but for these tokens.
    fn without(&mut self, node: Node<'_>, tokens: &[&str]) -> Result<(), Fault> {
        for child in node.children(&mut node.walk()) {
            if !child.is_named() && tokens.contains(&child.kind()) {
                self.blank(child);
            } else {
                self.visit(child)?;
            }
        }
        Ok(())
    }

    /// Keeps the expression that an operator of the types stands behind.
    fn keep_first(&mut self, node: Node<'_>) -> Result<(), Fault> {
        let Some(first) = node.named_child(0) else {
            return Err(Fault::at(node, "has nothing in it"));
        };
        self.visit(first)?;
        self.fill(first.end_byte(), node.end_byte());
        Ok(())
    }

    /// Blanks an entry of a list with the comma behind it.
    fn blank_listed(&mut self, node: Node<'_>) {
        self.blank(node);
        if let Some(comma) = node.next_sibling().filter(|next| next.kind() == ",") {
            self.blank(comma);
        }
    }

    fn blank(&mut self, node: Node<'_>) {
        self.fill(node.start_byte(), node.end_byte());
    }

    fn fill(&mut self, start: usize, end: usize) {
        for byte in self.0.iter_mut().take(end).skip(start) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
}

/// Whether a node is nothing that can be erased or kept.
fn fault(node: Node<'_>) -> Result<(), Fault> {
    if node.is_error() || node.is_missing() {
        return Err(Fault::at(node, "is no TypeScript that can be read"));
    }
    let kind = node.kind();
    let is_property = kind == "required_parameter" || kind == "optional_parameter";
    let is_property = is_property
        && node
            .children(&mut node.walk())
            .any(|child| ["accessibility_modifier", "override_modifier", "readonly"].contains(&child.kind()));
    if is_property || UNSUPPORTED.contains(&kind) {
        let what = if is_property { "parameter property" } else { kind };
        return Err(Fault::at(
            node,
            format!("{what}: only what can be erased is allowed"),
        ));
    }
    Ok(())
}

/// Whether an import or export is one of types alone.
fn is_of_types(node: Node<'_>) -> bool {
    let declares_types = |child: Node<'_>| {
        [
            "ambient_declaration",
            "function_signature",
            "interface_declaration",
            "type_alias_declaration",
        ]
        .contains(&child.kind())
    };
    has_token(node, "type")
        || node
            .child_by_field_name("declaration")
            .is_some_and(declares_types)
}

fn has_token(node: Node<'_>, token: &str) -> bool {
    node.children(&mut node.walk())
        .any(|child| !child.is_named() && child.kind() == token)
}

/// Sees whether a script is free of faults and types.
fn check(node: Node<'_>) -> Result<(), Fault> {
    fault(node)?;
    if TYPES.contains(&node.kind()) {
        return Err(Fault::at(node, format!("{} is left over", node.kind())));
    }
    node.children(&mut node.walk()).try_for_each(check)
}
