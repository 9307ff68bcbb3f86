// Values between a test and a Lua machine: numbers, byte strings, booleans, nothing, tables; functions go by number.

/** Lua's half: `pack` and `unpack` of the wire, and calls in both directions. */
export const WIRE_LUA = String.raw`
local function pack(v)
  local kind = type(v)
  if kind == "number" then return "n" .. string.format("%.0f", v) .. ";" end
  if kind == "string" then return "s" .. #v .. ":" .. v end
  if kind == "boolean" then return v and "t" or "f" end
  if kind ~= "table" then return "z" end
  local parts = "{"
  for key, member in pairs(v) do parts = parts .. pack(key) .. pack(member) end
  return parts .. "}"
end
local integer = math.type and function(text) return math.tointeger(tonumber(text)) or tonumber(text) end or tonumber
local unpackAt
function unpackAt(s, i)
  local kind = string.sub(s, i, i)
  if kind == "n" then
    local j = string.find(s, ";", i, true)
    return integer(string.sub(s, i + 1, j - 1)), j + 1
  end
  if kind == "s" then
    local j = string.find(s, ":", i, true)
    local length = integer(string.sub(s, i + 1, j - 1))
    return string.sub(s, j + 1, j + length), j + length + 1
  end
  if kind == "t" then return true, i + 1 end
  if kind == "f" then return false, i + 1 end
  if kind == "z" then return nil, i + 1 end
  if kind == "p" then
    local j = string.find(s, ";", i, true)
    local id = integer(string.sub(s, i + 1, j - 1))
    return function(...)
      tell("K", id, 0, pack({ ... }))
      return (unpackAt(inp:read(number()), 1))
    end, j + 1
  end
  local result, key = {}, nil
  i = i + 1
  while string.sub(s, i, i) ~= "}" do
    key, i = unpackAt(s, i)
    result[key], i = unpackAt(s, i)
  end
  return result, i + 1
end
handlers[0] = function(kind, count, text)
  local name, i = unpackAt(text, 1)
  local values = {}
  for k = 1, count do values[k], i = unpackAt(text, i) end
  local unpackAll = table.unpack or unpack
  local run = __exports[name]
  if not run then error("no function " .. name) end
  tell("V", 0, 0, pack(run(unpackAll(values, 1, count))))
end
__exports = {}
`

/** A value as bytes of the wire. `functionId` numbers functions. */
export function pack(value: unknown, functionId: (run: (...values: unknown[]) => unknown) => number): string {
    if (typeof value === "number") return `n${value};`
    if (typeof value === "string") return `s${value.length}:${value}`
    if (typeof value === "boolean") return value ? "t" : "f"
    if (typeof value === "function") return `p${functionId(value as () => unknown)};`
    if (value === undefined || value === null) return "z"
    const members = Array.isArray(value) ? value.map((member, at) => [at + 1, member] as const) : Object.entries(value)
    return `{${members.map(([key, member]) => pack(key, functionId) + pack(member, functionId)).join("")}}`
}

/** A table as an array where its keys are 1 to n, which is also what an empty table becomes; as an object otherwise. */
function tableOf(members: [unknown, unknown][]): unknown {
    const isList = members.every(([key]) => typeof key === "number")
    if (!isList) return Object.fromEntries(members.map(([key, member]) => [String(key), member]))
    return members.sort(([a], [b]) => (a as number) - (b as number)).map(([, member]) => member)
}

/** The value at `at`, and where the next one begins. */
export function unpack(text: string, at = 0): [value: unknown, next: number] {
    const kind = text[at]
    const until = (mark: string): number => text.indexOf(mark, at)
    if (kind === "n") return [Number(text.slice(at + 1, until(";"))), until(";") + 1]
    if (kind === "s") {
        const start = until(":") + 1
        const length = Number(text.slice(at + 1, start - 1))
        return [text.slice(start, start + length), start + length]
    }
    if (kind === "t" || kind === "f") return [kind === "t", at + 1]
    if (kind === "z") return [undefined, at + 1]
    const members: [unknown, unknown][] = []
    at += 1
    while (text[at] !== "}") {
        const [key, afterKey] = unpack(text, at)
        const [member, next] = unpack(text, afterKey)
        members.push([key, member])
        at = next
    }
    return [tableOf(members), at + 1]
}
