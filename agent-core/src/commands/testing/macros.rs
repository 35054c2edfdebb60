//! Tests by the names of their functions.

/// The suite of these functions, for [`Testing::SUITES`](crate::commands::testing::Testing::SUITES). Each is called as its module
/// without the crate, and itself: `mm::heap::frees`. What a host should know of a test stands behind it.
///
/// A function is `fn(&mut G, &mut Output<'_>) -> Verdict`. One behind the word `plain` is a `fn()`, which fails by a panic.
/// `tests!["mm": a, b]` calls its tests `mm::a` and `mm::b`, wherever it stands.
///
/// ```
/// use core::fmt::Write;
/// use nanoqga::commands::testing::{Output, Test, Verdict};
/// use nanoqga::{check_eq, tests};
/// # pub struct Kernel;
///
/// fn adds() {
///     assert_eq!(1 + 1, 2);
/// }
///
/// fn frees(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
///     let page = output.case();
///     writeln!(output, "page {page}")?;
///     check_eq!(page % 1, 0);
///     Ok(())
/// }
///
/// fn runs_out(_: &mut Kernel, _: &mut Output<'_>) -> Verdict {
///     panic!("out of memory");
/// }
///
/// const HEAP: &[Test<Kernel>] = tests!["heap": plain adds, frees.cases(4), runs_out.should_panic("out of memory").alone()];
/// # assert_eq!(HEAP[1].properties().name, "heap::frees");
/// # const HERE: &[Test<Kernel>] = tests![plain adds];
/// # assert_eq!(HERE[0].properties().name.rsplit("::").next(), Some("adds"));
/// ```
#[macro_export]
macro_rules! tests {
    (@test $name:expr, plain $function:ident) => {
        $crate::commands::testing::Test::plain($name, $function)
    };
    (@test $name:expr, $function:ident) => {
        $crate::commands::testing::Test::new($name, $function)
    };
    (@name $function:ident) => {
        $crate::commands::testing::without_crate(
            ::core::concat!(::core::module_path!(), "::", ::core::stringify!($function))
        )
    };
    (@name $kind:ident $function:ident) => {
        $crate::tests!(@name $function)
    };
    (@name $prefix:literal $function:ident) => {
        ::core::concat!($prefix, "::", ::core::stringify!($function))
    };
    (@name $prefix:literal $kind:ident $function:ident) => {
        $crate::tests!(@name $prefix $function)
    };
    ($prefix:literal: $($first:ident $($second:ident)? $(. $property:ident ( $($value:expr),* ))*),* $(,)?) => {
        &[$(
            $crate::tests!(@test $crate::tests!(@name $prefix $first $($second)?), $first $($second)?)
                $(.$property($($value),*))*
        ),*]
    };
    ($($first:ident $($second:ident)? $(. $property:ident ( $($value:expr),* ))*),* $(,)?) => {
        &[$(
            $crate::tests!(@test $crate::tests!(@name $first $($second)?), $first $($second)?)
                $(.$property($($value),*))*
        ),*]
    };
}

/// Registers tests of a guest beside the code that they test, through the section `nanoqga_tests` of an ELF image, where
/// [`registered_tests!`](crate::registered_tests) finds them. The functions are named as in [`tests!`](crate::tests), without a
/// prefix.
///
/// What it expands to is unsafe code of the kernel's: a crate that forbids unsafe code names its tests in a suite instead.
///
/// ```
/// # pub struct Kernel;
/// # mod heap {
/// # use super::Kernel;
/// use nanoqga::commands::testing::{Output, Verdict};
///
/// fn frees(_: &mut Kernel, _: &mut Output<'_>) -> Verdict {
///     Ok(())
/// }
///
/// nanoqga::register_tests!(Kernel: frees.timeout_ms(500));
/// # }
/// # fn main() {
/// # let all: &[&nanoqga::commands::testing::Test<Kernel>] = nanoqga::registered_tests!(Kernel);
/// # assert!(matches!(all, [test] if test.properties().name.ends_with("heap::frees")));
/// # }
/// ```
#[macro_export]
macro_rules! register_tests {
    (@test $guest:ty, $test:expr) => {
        const _: () = {
            static TEST: $crate::commands::testing::Test<$guest> = $test;
            // A reference: the section is an array of them, whatever the size and alignment of a test.
            #[used]
            #[unsafe(link_section = "nanoqga_tests")]
            static ENTRY: &$crate::commands::testing::Test<$guest> = &TEST;
        };
    };
    ($guest:ty, $prefix:literal: $($first:ident $($second:ident)? $(. $property:ident ( $($value:expr),* ))*),* $(,)?) => {
        $($crate::register_tests!(
            @test $guest,
            $crate::tests!(@test $crate::tests!(@name $prefix $first $($second)?), $first $($second)?)
                $(.$property($($value),*))*
        );)*
    };
    ($guest:ty: $($first:ident $($second:ident)? $(. $property:ident ( $($value:expr),* ))*),* $(,)?) => {
        $($crate::register_tests!(
            @test $guest,
            $crate::tests!(@test $crate::tests!(@name $first $($second)?), $first $($second)?)
                $(.$property($($value),*))*
        );)*
    };
}

/// The tests that [`register_tests!`](crate::register_tests) has registered for a guest, for
/// [`Testing::registered`](crate::commands::testing::Testing::registered). It stands in one place of an image, whose registered
/// tests must all be of this guest. The linker must be one that names the beginning and the end of the section, as GNU ld and lld
/// do, and a linker script must not discard it.
#[macro_export]
macro_rules! registered_tests {
    ($guest:ty) => {{
        type Entry = &'static $crate::commands::testing::Test<$guest>;

        unsafe extern "C" {
            #[link_name = "__start_nanoqga_tests"]
            static START: u8;
            #[link_name = "__stop_nanoqga_tests"]
            static STOP: u8;
        }

        // The section is there, though no test is.
        #[used]
        #[unsafe(link_section = "nanoqga_tests")]
        static NONE: [Entry; 0] = [];

        let start = &raw const START;
        let length = (&raw const STOP).addr().wrapping_sub(start.addr()) / ::core::mem::size_of::<Entry>();
        // SAFETY: The linker has put the entries of all `register_tests!` there, side by side, and nothing else is in a section
        // of that name. They are all of this guest, as the macro's documentation demands, and live as long as the image.
        unsafe { ::core::slice::from_raw_parts(start.cast::<Entry>(), length) }
    }};
}

/// The path of an item without its crate: `mm::heap::frees`.
#[doc(hidden)]
#[must_use]
pub const fn without_crate(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut place = 0;
    while place + 1 < bytes.len() {
        if bytes[place] == b':' && bytes[place + 1] == b':' {
            return match path.split_at_checked(place + 2) {
                Some((_, rest)) => rest,
                None => path,
            };
        }
        place += 1;
    }
    path
}
