//! What is left of TypeScript when its types are taken away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../build/strip.rs"]
mod strip;

use std::path::Path;

/// Blanks at the ends of lines do not matter.
#[track_caller]
fn check(source: &str, expected: &str) {
    let script = strip::types(source).unwrap();
    assert_eq!(script.len(), source.len());
    let lines: Vec<_> = script.lines().map(str::trim_end).collect();
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn annotations_go_and_everything_else_stays_where_it_was() {
    check(
        "const f = async <T>(a: T, b?: string): Promise<T> => a as T;",
        "const f = async    (a   , b         )             => a     ;",
    );
    check(
        "let x!: number; x = y!.z satisfies Z;",
        "let x         ; x = y .z            ;",
    );
    check(
        "// é: string\nnew Map<string, Call>();",
        "// é: string\nnew Map              ();",
    );
}

#[test]
fn declarations_of_types_go_whole() {
    check("interface A { b: c }\nexport type D = E;\nlet f;", "\n\nlet f;");
    check(
        "import type { A } from './a.js';\nexport type { B } from './b.js';",
        "\n",
    );
    check(
        "import { type A, B } from './a.js';",
        "import {         B } from './a.js';",
    );
    check(
        "export { B, type A } from './a.js';",
        "export { B,        } from './a.js';",
    );
}

#[test]
fn members_of_classes_lose_their_modifiers() {
    let source = [
        "class A<T> extends B<T> implements C {",
        "  readonly x: T;",
        "  #y?: number = 1;",
        "  private override z(): void {}",
        "  z(a: 1): 2;",
        "  declare q: R;",
        "  abstract readonly s: T;",
        "}",
    ];
    let expected = [
        "class A    extends B                 {",
        "           x   ;",
        "  #y          = 1;",
        "                   z()       {}",
        "            ;",
        "              ;",
        "                        ;",
        "}",
    ];
    check(&source.join("\n"), &expected.join("\n"));
}

#[test]
fn what_cannot_be_erased_is_refused_with_its_place() {
    for (source, fault) in [
        (
            "enum A { B }",
            "1:1: enum_declaration: only what can be erased is allowed",
        ),
        (
            "let a;\nclass B { constructor(private c: D) {} }",
            "2:23: parameter property: only what can be erased is allowed",
        ),
        (
            "let a = <B>c;",
            "1:9: type_assertion: only what can be erased is allowed",
        ),
        ("let = = 1;", "1:7: is no TypeScript that can be read"),
    ] {
        assert_eq!(strip::types(source).unwrap_err().to_string(), fault);
    }
}

#[test]
fn no_word_of_a_type_is_left_in_the_client() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/js/src");
    let source = std::fs::read_to_string(folder.join("client.ts")).unwrap();
    let script = strip::types(&source).unwrap();
    assert_eq!(script.lines().count(), source.lines().count());
    for left in [
        "interface ",
        "import type",
        ": string;",
        " as unknown",
        "readonly ",
    ] {
        let code = script
            .lines()
            .filter(|line| !line.trim_start().starts_with(['*', '/']));
        assert!(!code.clone().any(|line| line.contains(left)), "{left}");
    }
}
