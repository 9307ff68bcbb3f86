// Every limit of the policy language in one place. Together they bound the time that one evaluation can take.

/** Terms of a policy unless a cloud is set to allow more (docs/policies.md, "Limits"). */
export const POLICY_TERMS_DEFAULT = 20
/** Most terms that a cloud may be set to allow. */
export const POLICY_TERMS_MAX = 50
/** Longest policy in characters. */
export const POLICY_CHARS_MAX = 1024
/** Most levels of parentheses, signs, negations and powers within one another. */
export const POLICY_DEPTH_MAX = 32
/** Longest regular expression in characters, without its slashes. */
export const POLICY_REGEXP_CHARS_MAX = 256
/** Instructions that all regular expressions of a policy may take together; matching visits each at most once per character. */
export const POLICY_REGEXP_INSTRUCTIONS_MAX = 200
/** Longest text in characters that text operators take or make. */
export const POLICY_TEXT_CHARS_MAX = 1024
/** Longest list that `><` and `<>` look through. */
export const POLICY_LIST_ITEMS_MAX = 1000
/** Compiled policies that are kept for the next check-in; the oldest go first. */
export const POLICIES_KEPT_MAX = 500
/** Versions that are kept in parsed form, per policy. */
export const VERSIONS_KEPT_MAX = 2000
