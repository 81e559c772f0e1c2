//! The interface of services as TypeScript types, for services in JavaScript: printed from `wit/`, and fresh.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fmt::Write as _;
use std::path::Path;

use wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, Resolve, Type, TypeDef, TypeDefKind, TypeId,
};

/// Where it is kept.
const FILE: &str = "sdk/js-service/src/wit.ts";
const HEAD: &str = "\
// Printed from wit/; `BLESS=1 cargo test -p strowger-host --test typescript` prints it anew.
//
// Values are what the engine in a component takes and gives: records are objects, variants have a `tag` and a `val`, an
// option without a value is null, 64 bits are a number (exact up to 2 to the power of 53), and a function whose result
// has an error throws it.
";

#[test]
fn the_types_of_the_javascript_kit_are_those_of_the_interface() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit")).unwrap();
    let interfaces = resolve.packages[package].interfaces.clone();
    let mut printer = Printer {
        resolve: &resolve,
        text: HEAD.to_owned(),
    };
    for (name, id) in &interfaces {
        printer.interface(name, &resolve.interfaces[*id]);
    }
    let path = root.join(FILE);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &printer.text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        printer.text,
        "{FILE} is stale: BLESS=1 cargo test -p strowger-host --test typescript"
    );
}

struct Printer<'a> {
    resolve: &'a Resolve,
    text: String,
}

impl Printer<'_> {
    fn interface(&mut self, name: &str, interface: &Interface) {
        for id in interface.types.values() {
            self.type_def(*id, interface);
        }
        let is_free = |function: &&Function| function.kind.resource().is_none();
        if interface.functions.values().any(|function| is_free(&function)) {
            self.text.push('\n');
            self.docs(&interface.docs, "");
            self.block(
                &format!("export interface {} {{", pascal(name)),
                interface.functions.values().filter(is_free),
            );
        }
    }

    fn type_def(&mut self, id: TypeId, interface: &Interface) {
        let def = &self.resolve.types[id];
        let name = pascal(def.name.as_deref().unwrap());
        // What comes from another interface is printed there.
        if let TypeDefKind::Type(Type::Id(other)) = &def.kind
            && self.resolve.types[*other].owner != def.owner
        {
            return;
        }
        self.text.push('\n');
        self.docs(&def.docs, "");
        match &def.kind {
            TypeDefKind::Record(record) => {
                self.line(&format!("export interface {name} {{"));
                for field in &record.fields {
                    self.docs(&field.docs, "  ");
                    let line = format!("  {}: {};", camel(&field.name), self.name_of(&field.ty));
                    self.line(&line);
                }
                self.line("}");
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| {
                    let value = case
                        .ty
                        .map_or_else(String::new, |ty| format!("; val: {}", self.name_of(&ty)));
                    (&case.docs, format!("{{ tag: '{}'{value} }}", case.name))
                });
                let cases = cases.collect();
                self.union(&name, cases);
            }
            TypeDefKind::Enum(choices) => {
                let cases = choices
                    .cases
                    .iter()
                    .map(|case| (&case.docs, format!("'{}'", case.name)));
                let cases = cases.collect();
                self.union(&name, cases);
            }
            TypeDefKind::Resource => {
                let of = |function: &&Function| matches!(function.kind, FunctionKind::Method(of) if of == id);
                self.block(
                    &format!("export interface {name} {{"),
                    interface.functions.values().filter(of),
                );
                let made = |function: &&Function| matches!(function.kind, FunctionKind::Constructor(of) | FunctionKind::Static(of) if of == id);
                self.text.push('\n');
                self.line(&format!("/** Makes each `{name}`. */"));
                self.block(
                    &format!("export interface {name}Class {{"),
                    interface.functions.values().filter(made),
                );
            }
            _ => {
                let line = format!("export type {name} = {};", self.shape_of(def));
                self.line(&line);
            }
        }
    }

    fn union(&mut self, name: &str, cases: Vec<(&Docs, String)>) {
        self.line(&format!("export type {name} ="));
        let last = cases.len() - 1;
        for (at, (docs, case)) in cases.into_iter().enumerate() {
            self.docs(docs, "  ");
            self.line(&format!("  | {case}{}", if at == last { ";" } else { "" }));
        }
    }

    fn block<'f>(&mut self, head: &str, functions: impl Iterator<Item = &'f Function>) {
        self.line(head);
        for function in functions {
            self.docs(&function.docs, "  ");
            let name = match function.kind {
                FunctionKind::Constructor(_) => "new ".to_owned(),
                _ => camel(function.item_name()),
            };
            // A method has its object, which comes first, as `this`.
            let skipped = usize::from(matches!(function.kind, FunctionKind::Method(_)));
            let parameters: Vec<String> = function
                .params
                .iter()
                .skip(skipped)
                .map(|param| format!("{}: {}", camel(&param.name), self.name_of(&param.ty)))
                .collect();
            let result = function
                .result
                .map_or_else(|| "void".to_owned(), |ty| self.returned(&ty));
            let line = format!("  {name}({}): {result};", parameters.join(", "));
            self.line(&line);
        }
        self.line("}");
    }

    /// What a function gives back: errors are thrown.
    fn returned(&self, ty: &Type) -> String {
        match ty {
            Type::Id(id) => match &self.resolve.types[*id].kind {
                TypeDefKind::Result(result) => result
                    .ok
                    .map_or_else(|| "void".to_owned(), |ty| self.name_of(&ty)),
                _ => self.name_of(ty),
            },
            _ => self.name_of(ty),
        }
    }

    fn name_of(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "boolean".to_owned(),
            Type::String | Type::Char => "string".to_owned(),
            Type::Id(id) => {
                let def = &self.resolve.types[*id];
                def.name.as_deref().map_or_else(|| self.shape_of(def), pascal)
            }
            _ => "number".to_owned(),
        }
    }

    fn shape_of(&self, def: &TypeDef) -> String {
        match &def.kind {
            TypeDefKind::Type(ty) => self.name_of(ty),
            TypeDefKind::Option(ty) => format!("{} | null", self.name_of(ty)),
            TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
            TypeDefKind::List(ty) => {
                let name = self.name_of(ty);
                if name.contains('|') {
                    format!("({name})[]")
                } else {
                    format!("{name}[]")
                }
            }
            TypeDefKind::Tuple(tuple) => {
                let names: Vec<String> = tuple.types.iter().map(|ty| self.name_of(ty)).collect();
                format!("[{}]", names.join(", "))
            }
            TypeDefKind::Result(result) => {
                let part = |tag: &str, ty: &Option<Type>| {
                    let value = ty.map_or_else(String::new, |ty| format!("; val: {}", self.name_of(&ty)));
                    format!("{{ tag: '{tag}'{value} }}")
                };
                format!("{} | {}", part("ok", &result.ok), part("err", &result.err))
            }
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => self.name_of(&Type::Id(*id)),
            other => panic!("no word for {}", other.as_str()),
        }
    }

    fn docs(&mut self, docs: &Docs, indent: &str) {
        let Some(text) = docs.contents.as_deref().map(str::trim) else {
            return;
        };
        match text.lines().collect::<Vec<_>>()[..] {
            [line] => self.line(&format!("{indent}/** {line} */")),
            ref lines => {
                self.line(&format!("{indent}/**"));
                for line in lines {
                    self.line(format!("{indent} * {line}").trim_end());
                }
                self.line(&format!("{indent} */"));
            }
        }
    }

    fn line(&mut self, text: &str) {
        writeln!(self.text, "{text}").unwrap();
    }
}

fn pascal(name: &str) -> String {
    name.split('-')
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

fn camel(name: &str) -> String {
    let name = pascal(name);
    name[..1].to_lowercase() + &name[1..]
}
