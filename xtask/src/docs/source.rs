//! What a source file says of commands: those that it defines, and those that it lists.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprCall, ExprLit, ExprMethodCall, ExprPath, File, Item, ItemFn, Lit, Meta};

/// A command, as the function that answers it is commented.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub name: String,
    /// Lines of Markdown.
    pub text: Vec<String>,
    /// The function that returns the table which it is in, if it is in a function's.
    pub table: Option<String>,
}

/// The commands that a file defines, in its order.
pub(super) fn commands(source: &str) -> Result<Vec<Command>> {
    let file = syn::parse_file(source)?;
    let functions: BTreeMap<_, _> =
        functions(&file).map(|function| (function.sig.ident.to_string(), function)).collect();
    let mut found = Vec::new();
    for item in &file.items {
        let table = match item {
            Item::Fn(function) => Some(function.sig.ident.to_string()),
            _ => None,
        };
        let mut reader = Calls::default();
        reader.visit_item(item);
        for (name, answers) in reader.commands {
            let function =
                functions.get(&answers).with_context(|| format!("{name}: there is no function {answers}"))?;
            let text = comment(&function.attrs);
            check(&text, &arguments(function, &functions)).with_context(|| format!("the comment of {name}"))?;
            found.push(Command { name, text, table: table.clone() });
        }
    }
    Ok(found)
}

/// What some files list.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Commands of their own.
    pub names: BTreeSet<String>,
    /// Tables, each by the name of its module and of its function.
    pub tables: BTreeSet<(String, String)>,
}

impl Lists {
    /// Adds what a file lists.
    pub(super) fn add(&mut self, source: &str) -> Result<()> {
        let mut reader = Calls::default();
        reader.visit_file(&syn::parse_file(source)?);
        self.names.extend(reader.commands.into_iter().map(|(name, _)| name));
        self.tables.append(&mut reader.tables);
        Ok(())
    }
}

/// An argument's name, and whether it may be left out.
type Argument = (String, bool);

/// A comment must describe each argument that is read, and no other.
fn check(text: &[String], arguments: &BTreeSet<Argument>) -> Result<()> {
    ensure!(!text.is_empty(), "is missing");
    let described = text.iter().filter_map(|line| line.strip_prefix("- `")?.split_once('`'));
    let described: BTreeSet<_> =
        described.map(|(name, rest)| (name.to_owned(), rest.starts_with(" (optional)"))).collect();
    let list = |arguments: &BTreeSet<Argument>| {
        let named = arguments.iter().map(|(name, is_optional)| match is_optional {
            true => format!("`{name}` (optional)"),
            false => format!("`{name}`"),
        });
        named.collect::<Vec<_>>().join(", ")
    };
    ensure!(&described == arguments, "describes [{}], and what is read is [{}]", list(&described), list(arguments));
    Ok(())
}

/// The arguments that a function reads, by itself or by others of its file.
fn arguments(function: &ItemFn, functions: &BTreeMap<String, &ItemFn>) -> BTreeSet<Argument> {
    let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![function]);
    while let Some(function) = open.pop() {
        if seen.insert(function.sig.ident.to_string()) {
            let mut reader = Calls::default();
            reader.visit_item_fn(function);
            found.append(&mut reader.arguments);
            open.extend(reader.functions.iter().filter_map(|name| functions.get(name)));
        }
    }
    found
}

fn functions(file: &File) -> impl Iterator<Item = &ItemFn> {
    file.items.iter().filter_map(|item| match item {
        Item::Fn(function) => Some(function),
        _ => None,
    })
}

fn comment(attributes: &[Attribute]) -> Vec<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => text(&pair.value),
        _ => None,
    });
    lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect()
}

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// The calls in some code.
#[derive(Debug, Default)]
struct Calls {
    /// `Command::new`: the command's name, and the function that answers it.
    commands: Vec<(String, String)>,
    /// `required` and `optional`.
    arguments: BTreeSet<Argument>,
    /// Functions without a path.
    functions: BTreeSet<String>,
    /// Functions of tables.
    tables: BTreeSet<(String, String)>,
}

impl<'ast> Visit<'ast> for Calls {
    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let called = path(&call.func);
        match called.as_slice() {
            [.., of, new] if of == "Command" && new == "new" => {
                if let Some(name) = call.args.first().and_then(text)
                    && let Some(answers) = call.args.get(1).and_then(|answers| path(answers).pop())
                {
                    self.commands.push((name, answers));
                }
            }
            [.., module, table] if table.ends_with("commands") => {
                self.tables.insert((module.clone(), table.clone()));
            }
            [function] => _ = self.functions.insert(function.clone()),
            _ => {}
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "required" || call.method == "optional" {
            self.arguments.extend(call.args.first().and_then(text).map(|name| (name, call.method == "optional")));
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// The names of a path.
fn path(expression: &Expr) -> Vec<String> {
    match expression {
        Expr::Path(ExprPath { path, .. }) => path.segments.iter().map(|segment| segment.ident.to_string()).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
        pub const fn tables() -> &'static [Command] {
            const { &[Command::new("guest-close", close).packed(), Command::new("guest-read", read)] }
        }
        /// Closes.
        ///
        /// - `handle`: an integer
        fn close() { handle(); }
        /// Reads.
        ///
        /// - `handle`: an integer
        /// - `count` (optional): an integer
        fn read() { let count = arguments.optional("count")?; handle(); }
        fn handle() { arguments.required("handle")?; }
    "#;

    #[test]
    fn commands_are_found_with_what_is_said_of_them() {
        let found = commands(SOURCE).unwrap();
        let names: Vec<_> = found.iter().map(|command| command.name.as_str()).collect();
        assert_eq!(names, ["guest-close", "guest-read"]);
        assert_eq!(found[1].text, ["Reads.", "", "- `handle`: an integer", "- `count` (optional): an integer"]);
        assert_eq!(found[1].table.as_deref(), Some("tables"));
    }

    #[test]
    fn a_comment_that_leaves_an_argument_out_is_refused() {
        for (line, why) in [
            ("/// - `handle`: an integer\n        fn close", "describes [], and what is read is [`handle`]"),
            (" (optional)", "describes [`count`, `handle`], and what is read is [`count` (optional), `handle`]"),
        ] {
            let source = SOURCE.replace(line, if line.contains("fn close") { "fn close" } else { "" });
            assert_eq!(commands(&source).unwrap_err().root_cause().to_string(), why);
        }
    }

    #[test]
    fn a_list_has_tables_and_commands() {
        let mut lists = Lists::default();
        lists.add(r#"const T: [T; 2] = [commands::file::commands(), &[Command::new("a", b)]];"#).unwrap();
        assert_eq!(lists.names, BTreeSet::from(["a".into()]));
        assert_eq!(lists.tables, BTreeSet::from([("file".into(), "commands".into())]));
    }
}
