// Values of JSON as Lua text.

/** Bytes that a Lua string needs an escape for; `\\ddd` is the one form that every version reads alike. */
// eslint-disable-next-line no-control-regex
const SPECIAL = /[\x00-\x1f"\\\x7f]/g

function quoted(text: string): string {
    return `"${text.replace(SPECIAL, char => `\\${String(char.charCodeAt(0)).padStart(3, "0")}`)}"`
}

/** A value as a Lua expression. Texts are UTF-8; null is nil, so a member that is null is not there at all. */
export function luaLiteral(value: unknown): string {
    if (typeof value === "string") return quoted(value)
    if (typeof value === "number" || typeof value === "boolean") return String(value)
    if (Array.isArray(value)) return `{${value.map(luaLiteral).join(",")}}`
    if (typeof value !== "object" || value === null) return "nil"
    const members = Object.entries(value).filter(([, member]) => member !== undefined && member !== null)
    return `{${members.map(([key, member]) => `[${quoted(key)}]=${luaLiteral(member)}`).join(",")}}`
}
