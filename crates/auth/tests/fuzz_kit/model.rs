//! A second opinion about a token whose signature is good: the same rules, read from a tree that was
//! parsed in another way, and written down as plainly as can be.

use portcullis_auth::Reason;
use portcullis_auth::fuzz::{AUDIENCE, CLIENT, ISSUER, MAX_AGE, NOW};

use super::strict::{Node, strict};

/// How an access token is told: the position of the verifier in
/// [`verifiers`](portcullis_auth::fuzz::verifiers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Any,
    AccessToken,
    Scoped,
}

pub(crate) const RULES: [Rule; 3] = [Rule::Any, Rule::AccessToken, Rule::Scoped];

/// What was read, or what is wrong with it.
type Judged<T> = Result<T, Reason>;

const LEEWAY: u128 = 30;
const NO_TOKEN: Reason = Reason::Malformed;

/// The verdict about a token of this header and payload.
pub(crate) fn expected(rule: Rule, header: &[u8], payload: &[u8]) -> Judged<()> {
    let header = Header::read(header)?;
    let claims = Claims::read(payload)?;
    let iss = claims.iss.as_deref().ok_or(Reason::MissingClaim)?;
    if iss != ISSUER {
        return Err(Reason::Issuer);
    }
    if header.alg.as_deref() != Some("HS256") {
        return Err(Reason::Algorithm);
    }
    times(rule, &claims)?;
    let aud = claims.aud.as_ref().ok_or(Reason::Audience)?;
    if !aud.iter().any(|aud| aud == AUDIENCE) {
        return Err(Reason::Audience);
    }
    token_type(rule, &header, &claims)?;
    if rule == Rule::Scoped && claims.client.as_deref() != Some(CLIENT) {
        return Err(Reason::Client);
    }
    if claims.bound {
        return Err(Reason::Bound);
    }
    if header.impossible_kid {
        return Err(Reason::UnknownKey);
    }
    let scopes = scopes(&claims)?;
    if rule == Rule::Scoped && scopes == 0 && claims.roles == 0 {
        return Err(Reason::TokenType);
    }
    Ok(())
}

fn times(rule: Rule, claims: &Claims) -> Judged<()> {
    let now = u128::from(NOW.as_secs());
    let (exp, _) = claims.exp.ok_or(Reason::MissingClaim)?;
    if now >= exp + LEEWAY {
        return Err(Reason::Expired);
    }
    if claims.nbf.is_some_and(|(_, ceil)| ceil > now + LEEWAY) {
        return Err(Reason::NotYetValid);
    }
    if claims.iat.is_some_and(|(floor, _)| floor > now + LEEWAY) {
        return Err(Reason::IssuedInFuture);
    }
    if rule == Rule::Scoped {
        let (iat, _) = claims.iat.ok_or(Reason::MissingClaim)?;
        if now > iat + u128::from(MAX_AGE.as_secs()) + LEEWAY {
            return Err(Reason::TooOld);
        }
    }
    Ok(())
}

fn token_type(rule: Rule, header: &Header, claims: &Claims) -> Judged<()> {
    let typ = header.typ.as_deref().map(str::to_ascii_lowercase);
    let typ = typ
        .as_deref()
        .map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    let fits = match rule {
        Rule::AccessToken => typ == Some("at+jwt"),
        Rule::Any | Rule::Scoped => matches!(typ, None | Some("jwt" | "at+jwt")),
    };
    if !fits || claims.logout {
        return Err(Reason::TokenType);
    }
    let complete = claims.sub && claims.iat.is_some() && claims.jti && claims.client_id;
    if rule == Rule::AccessToken && !complete {
        return Err(Reason::MissingClaim);
    }
    Ok(())
}

/// How many scopes there are (RFC 6749 section 3.3).
fn scopes(claims: &Claims) -> Judged<usize> {
    let legal = |scope: &&str| {
        !scope.is_empty()
            && scope
                .bytes()
                .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    let scopes: Vec<&str> = match claims.scope.as_ref() {
        None => return Ok(0),
        Some(Strings::One(text)) => text.split(' ').filter(|scope| !scope.is_empty()).collect(),
        Some(Strings::Many(many)) => many.iter().map(String::as_str).collect(),
    };
    if scopes.iter().all(legal) {
        Ok(scopes.len())
    } else {
        Err(Reason::MalformedClaim)
    }
}

// === the two parts ===

struct Header {
    alg: Option<String>,
    typ: Option<String>,
    impossible_kid: bool,
}

#[derive(Default)]
struct Claims {
    iss: Option<String>,
    sub: bool,
    jti: bool,
    aud: Option<Strings>,
    /// Rounded down, and up.
    exp: Option<(u128, u128)>,
    nbf: Option<(u128, u128)>,
    iat: Option<(u128, u128)>,
    client: Option<String>,
    /// Whether the client is named as RFC 9068 names it.
    client_id: bool,
    scope: Option<Strings>,
    bound: bool,
    /// Whether it says to be a logout token.
    logout: bool,
    roles: usize,
}

enum Strings {
    One(String),
    Many(Vec<String>),
}

impl Header {
    fn read(bytes: &[u8]) -> Judged<Self> {
        let members = strict(bytes).ok_or(NO_TOKEN)?;
        let named = |name: &str| {
            members
                .iter()
                .find(|(one, _)| one == name)
                .map(|(_, node)| node)
        };
        let text = |name: &str| match named(name) {
            None => Ok(None),
            Some(Node::Text(text)) if clean(text) => Ok(Some(text.clone())),
            Some(_) => Err(NO_TOKEN),
        };
        let (alg, typ, cty) = (text("alg")?, text("typ")?, text("cty")?);
        let impossible_kid = match named("kid") {
            None => false,
            Some(Node::List(_) | Node::Object(_)) => return Err(NO_TOKEN),
            Some(Node::Text(kid)) => kid.len() > 256 || !clean(kid),
            Some(_) => true,
        };
        let nested = cty.is_some_and(|cty| cty.eq_ignore_ascii_case("jwt"));
        if nested
            || ["crit", "b64", "zip", "enc"]
                .into_iter()
                .any(|name| named(name).is_some())
        {
            return Err(Reason::UnsupportedHeader);
        }
        Ok(Self {
            alg,
            typ,
            impossible_kid,
        })
    }
}

impl Claims {
    fn read(bytes: &[u8]) -> Judged<Self> {
        let members = strict(bytes).ok_or(NO_TOKEN)?;
        let mut claims = Self::default();
        let (mut scope, mut scp) = (None, None);
        let mut clients = [None, None, None, None];
        for (name, node) in &members {
            match name.as_str() {
                "iss" => claims.iss = Some(text(node)?),
                "sub" => claims.sub = text(node).map(|_| true)?,
                "jti" => claims.jti = text(node).map(|_| true)?,
                "aud" => claims.aud = Some(strings(node)?),
                "exp" => claims.exp = Some(date(node)?),
                "nbf" => claims.nbf = Some(date(node)?),
                "iat" => claims.iat = Some(date(node)?),
                "cnf" => claims.bound = true,
                "events" => claims.logout = says_logout(node),
                "roles" => claims.roles = roles(node),
                // What only describes may be null.
                "sid" | "acr" | "amr" | "auth_time" | "client_id" | "azp" | "appid" | "cid"
                | "scope" | "scp"
                    if *node == Node::Null => {}
                "sid" | "acr" => drop(text(node)?),
                "amr" => drop(strings(node)?),
                "auth_time" => drop(date(node)?),
                "client_id" => clients[0] = Some(text(node)?),
                "azp" => clients[1] = Some(text(node)?),
                // What may mean something else to others counts only as a string.
                "appid" => clients[2] = text(node).ok(),
                "cid" => clients[3] = text(node).ok(),
                "scope" => scope = Some(strings(node)?),
                "scp" => scp = Some(strings(node)?),
                _ => {}
            }
        }
        claims.client_id = clients[0].is_some();
        claims.client = clients.into_iter().flatten().next();
        // A list that is there and empty grants no less than one that is not there.
        let filled = |list: &Strings| list.iter().any(|text| !text.is_empty());
        claims.scope = scope.filter(filled).or(scp);
        Ok(claims)
    }
}

impl Strings {
    fn iter(&self) -> std::slice::Iter<'_, String> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::Many(many) => many.iter(),
        }
    }
}

fn says_logout(node: &Node) -> bool {
    const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
    match node {
        Node::Object(members) => members.iter().any(|(name, _)| name == EVENT),
        _ => false,
    }
}

fn clean(text: &str) -> bool {
    !text.chars().any(|letter| letter.is_ascii_control())
}

fn text(node: &Node) -> Judged<String> {
    match node {
        Node::Text(text) if clean(text) => Ok(text.clone()),
        _ => Err(Reason::MalformedClaim),
    }
}

fn strings(node: &Node) -> Judged<Strings> {
    match node {
        Node::List(nodes) => nodes
            .iter()
            .map(text)
            .collect::<Judged<_>>()
            .map(Strings::Many),
        one => text(one).map(Strings::One),
    }
}

fn date(node: &Node) -> Judged<(u128, u128)> {
    match node {
        Node::Number(_, Some(whole)) => Ok((u128::from(*whole), u128::from(*whole))),
        // Minus zero is no date, either.
        Node::Number(number, None) if number.is_finite() && number.is_sign_positive() => {
            let bound = |number: f64| number.min(u64::MAX as f64) as u128;
            Ok((bound(number.floor()), bound(number.ceil())))
        }
        _ => Err(Reason::MalformedClaim),
    }
}

fn roles(node: &Node) -> usize {
    let is_role = |node: &&Node| matches!(node, Node::Text(text) if clean(text));
    match node {
        Node::List(nodes) => nodes.iter().filter(is_role).count(),
        one => usize::from(is_role(&one)),
    }
}
