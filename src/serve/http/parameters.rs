//! The parameters of a query, read strictly: a name that a route does not take is refused, and so is an escape that is none.

use super::problem::Problem;

/// Parameters of one query. More are refused.
const MOST: usize = 256;

/// Bytes of one value.
const LONGEST: usize = 8192;

/// Names and values, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::serve::http) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query; only these names may stand in it.
    pub(in crate::serve::http) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut read = Vec::new();
        for part in query.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decoded(name).ok_or_else(|| Problem::parameter("query", "a name has a bad escape"))?;
            if !known.contains(&name.as_str()) {
                let there_is = if known.is_empty() { "this route takes none".to_owned() } else { known.join(", ") };
                let shown: String = name.chars().take(64).collect();
                return Err(Problem::parameter(&shown, format_args!("there is no such parameter; there is: {there_is}")));
            }
            let Some(value) = decoded(value) else {
                return Err(Problem::parameter(&name, "it is no text: write UTF-8, with %XX for what has a meaning in a query"));
            };
            if value.contains('\0') || value.len() > LONGEST {
                return Err(Problem::parameter(
                    &name,
                    format_args!("it must have at most {LONGEST} bytes, and none that is zero"),
                ));
            }
            if read.len() == MOST {
                return Err(Problem::parameter(&name, format_args!("a query has at most {MOST} parameters")));
            }
            read.push((name, value));
        }
        Ok(Self(read))
    }

    /// The value of a parameter that may stand once.
    pub(in crate::serve::http) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Problem::parameter(name, "it may stand once"));
        }
        match first {
            Some("") => Err(Problem::parameter(name, "it is empty")),
            first => Ok(first),
        }
    }

    /// A number.
    pub(in crate::serve::http) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let read = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<u64>().ok().filter(|number| digits && i64::try_from(*number).is_ok());
            number.ok_or_else(|| Problem::parameter(name, format_args!("it must be a whole number from 0 to {}", i64::MAX)))
        };
        self.one(name)?.map(read).transpose()
    }

    /// The values of a parameter that may stand several times.
    pub(in crate::serve::http) fn all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Everything but some parameters, in an order that does not depend on how they stood.
    pub(in crate::serve::http) fn without(&self, names: &[&str]) -> Vec<(&str, &str)> {
        let others = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        let mut others: Vec<(&str, &str)> = others.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        others.sort_unstable();
        others
    }
}

/// Undoes `+` and `%XX`; `None` for an escape that is none, and for what is no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => (digit(rest.next()?)? << 4) | digit(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn escapes_are_undone_and_what_is_none_is_refused() {
        assert_eq!(decoded("a+b%2Bc%c3%A4").as_deref(), Some("a b+cä"));
        for bad in ["%", "%4", "%zz", "%c3", "%ff"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
