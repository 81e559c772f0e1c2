//! One row of the table of keys, and the macro that makes structs of such rows.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::kind::Kind;

/// One key of the file, for a root struct `R` that holds its value.
pub(super) struct Key<R: 'static> {
    /// The dotted path of the table the key stands in; empty for the top of the file.
    pub(super) table: &'static str,
    pub(super) name: &'static str,
    /// What it means, as sentences.
    pub(super) meaning: &'static str,
    pub(super) change: Change,
    pub(super) value: &'static dyn Access<R>,
}

impl<R> Key<R> {
    /// The dotted path of the key.
    pub(super) fn path(&self) -> String {
        join(self.table, self.name)
    }
}

/// A dotted path one step longer.
pub(super) fn join(table: &str, name: &str) -> String {
    if table.is_empty() {
        name.to_owned()
    } else {
        format!("{table}.{name}")
    }
}

/// What it takes to give a key another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The value shapes what is built at the start, so the server has to start again.
    Restart,
    /// Nothing that runs depends on the old value.
    Reload,
}

/// Reads and writes one value inside a root struct, whatever its type.
pub(super) trait Access<R>: Sync {
    /// Puts a value from a file into `root`, or gives back where in the file the refused part stands.
    fn read(&self, root: &mut R, value: &Spanned<DeValue<'_>>) -> Result<(), Range<usize>>;
    /// The value as TOML; `None` if it has none.
    fn write(&self, root: &R) -> Option<String>;
    /// What values are allowed, to be read after "it must be".
    fn allowed(&self) -> String;
    /// A value worth showing where there is no default.
    fn example(&self) -> &'static str;
    /// Whether a refused value may be repeated in an error.
    fn is_secret(&self) -> bool;
    /// Whether two root structs have the same value.
    fn is_same(&self, one: &R, other: &R) -> bool;
    /// Gives a root struct the value of another.
    fn copy(&self, from: &R, to: &mut R);
}

/// An [`Access`] to a field of type `T`.
pub(super) struct Field<R: 'static, T: 'static> {
    pub(super) kind: &'static dyn Kind<T>,
    pub(super) get: fn(&R) -> &T,
    pub(super) get_mut: fn(&mut R) -> &mut T,
}

impl<R, T: Clone + PartialEq> Access<R> for Field<R, T> {
    fn read(&self, root: &mut R, value: &Spanned<DeValue<'_>>) -> Result<(), Range<usize>> {
        *(self.get_mut)(root) = self.kind.read(value)?;
        Ok(())
    }

    fn write(&self, root: &R) -> Option<String> {
        self.kind.write((self.get)(root))
    }

    fn allowed(&self) -> String {
        self.kind.allowed()
    }

    fn example(&self) -> &'static str {
        self.kind.example()
    }

    fn is_secret(&self) -> bool {
        self.kind.is_secret()
    }

    fn is_same(&self, one: &R, other: &R) -> bool {
        (self.get)(one) == (self.get)(other)
    }

    fn copy(&self, from: &R, to: &mut R) {
        *(self.get_mut)(to) = (self.get)(from).clone();
    }
}

/// Makes, from one description of a table of the file: the struct, its `Default`, and its [`Key`]s.
macro_rules! table {
    (
        $(#[doc = $about:literal])+
        struct $name:ident, $table:literal, $root:ident $path:tt {
            $($(#[doc = $meaning:literal])+ $key:ident: $type:ty = $default:expr, $kind:expr, $change:ident;)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $meaning])+ pub $key: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $name {
            /// What the table is for.
            pub(super) const ABOUT: &'static str = concat!($($about),+);
            /// The keys of the table, in the order in which they are printed.
            pub(super) const KEYS: &'static [Key<$root>] = &[$(
                Key {
                    table: $table,
                    name: stringify!($key),
                    meaning: concat!($($meaning),+),
                    change: Change::$change,
                    value: &Field {
                        kind: $kind,
                        get: |root: &$root| &table!(@field root $path $key),
                        get_mut: |root: &mut $root| &mut table!(@field root $path $key),
                    },
                },
            )+];
        }
    };
    (@field $root:ident ($part:ident) $key:ident) => { $root.$part.$key };
    (@field $root:ident () $key:ident) => { $root.$key };
}

pub(super) use table;
