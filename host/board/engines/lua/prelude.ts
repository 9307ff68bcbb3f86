// NodeMCU's modules in Lua, over the device: what the firmware's C code is on a real board.

import { DEVICE_NAME } from "./calls"
import { MQTT_MODULE } from "./mqtt"
import { UART_MODULE } from "./uart"
import type { ChipName } from "./chips"
import { ESP32_MODULES, OTA_MODULE } from "./prelude-esp32"
import { ESP8266_MODULES } from "./prelude-esp8266"

/** What a board's modules depend on. */
export interface PreludeOptions {
    /** Default: "esp32". */
    readonly chip?: ChipName
    /** Whether the chip has two partitions for native firmware; default: no. */
    readonly hasOta?: boolean
}

/** Name of the global function that takes one event off the device. */
export const EVENT_FUNCTION = "__event"

/** 5.1 has no bit operators; NodeMCU's module is of signed 32 bits. Masks of low bits are remainders, the rest goes by nibbles. */
const BIT_51 = String.raw`
local floor = math.floor
local function signed(v)
  v = v % 4294967296
  if v >= 2147483648 then v = v - 4294967296 end
  return v
end
local xors, remainders, powers = {}, {}, {}
for x = 0, 15 do for y = 0, 15 do
  local v, p, a, b = 0, 1, x, y
  for _ = 1, 4 do
    if a % 2 ~= b % 2 then v = v + p end
    a, b, p = floor(a / 2), floor(b / 2), p * 2
  end
  xors[x * 16 + y] = v
end end
for n = 0, 31 do
  powers[n] = 2 ^ n
  remainders[2 ^ n - 1] = 2 ^ n
end
local function xor(x, y)
  x, y = x % 4294967296, y % 4294967296
  local v, p = 0, 1
  while x > 0 and y > 0 do
    local a, b = x % 16, y % 16
    v, p = v + xors[a * 16 + b] * p, p * 16
    x, y = (x - a) / 16, (y - b) / 16
  end
  return v + (x + y) * p
end
bit = {
  bxor = function(x, y) return signed(xor(x, y)) end,
  band = function(x, y)
    local low = remainders[y]
    if low then return x % low end
    -- x + y = (x xor y) + 2 (x and y)
    return signed((x % 4294967296 + y % 4294967296 - xor(x, y)) / 2)
  end,
  bor = function(x, y) return signed((x % 4294967296 + y % 4294967296 + xor(x, y)) / 2) end,
  bnot = function(x) return signed(-1 - x) end,
  lshift = function(x, n) return signed(x * powers[n]) end,
  rshift = function(x, n) return signed(floor(x % 4294967296 / powers[n])) end,
}
`

/** 5.3 has operators of 64 bits here; results are brought back to signed 32 bits, and fractions are refused as there. */
const BIT_53 = String.raw`
local function signed(v)
  v = v & 0xffffffff
  if v >= 0x80000000 then v = v - 0x100000000 end
  return v
end
bit = {
  band = function(a, b) return signed(a & b) end,
  bor = function(a, b) return signed(a | b) end,
  bxor = function(a, b) return signed(a ~ b) end,
  bnot = function(a) return signed(~a) end,
  lshift = function(a, n) return signed(a << n) end,
  rshift = function(a, n) return signed((a & 0xffffffff) >> n) end,
}
`

const DEVICE = String.raw`
local out, inp = io.open("${DEVICE_NAME}", "w"), io.open("${DEVICE_NAME}", "r")
out:setvbuf("full", 2048)
local function tell(op, a, b, text)
  if text then out:write(op, " ", a, " ", b, " ", #text, "\n", text)
  else out:write(op, " ", a, " ", b, " 0\n") end
  out:flush()
end
local function number()
  local value = inp:read("*n")
  inp:read(1)
  return value
end
local function ask(op, a, b, text)
  tell(op, a, b, text)
  return number()
end
local handlers, lastId = {}, 0
local function newId(handler)
  lastId = lastId + 1
  handlers[lastId] = handler
  return lastId
end
function ${EVENT_FUNCTION}()
  local kind = inp:read(1)
  local id, code, length = inp:read("*n"), inp:read("*n"), inp:read("*n")
  inp:read(1)
  local text = ""
  if length > 0 then text = inp:read(length) end
  local handler = handlers[id]
  if handler then handler(kind, code, text) end
end
`

const SYSTEM = String.raw`
node = {
  random = function(low, high) return ask("r", low, high) end,
  stripdebug = function() end,
  restart = function() tell("R", 0, 0) error("restart", 0) end,
}
local Timer = {}
Timer.__index = Timer
function Timer:alarm(interval, mode, run)
  if type(run) ~= "function" or interval < 1 or interval > 2147483647 then error("tmr: invalid interval or callback", 2) end
  self:unregister()
  self.id = newId(function()
    handlers[self.id] = nil
    run(self)
  end)
  tell("t", self.id, interval)
  return true
end
function Timer:unregister()
  if self.id and handlers[self.id] then
    handlers[self.id] = nil
    tell("T", self.id, 0)
  end
end
tmr = {
  ALARM_SINGLE = 0,
  create = function() return setmetatable({}, Timer) end,
  wdclr = function() tell("w", 0, 0) end,
}
local Hash = {}
Hash.__index = Hash
function Hash:update(text) tell("u", self.id, 0, text) end
function Hash:finalize()
  tell("f", self.id, 0)
  return inp:read(self.bytes)
end
local hashId = 0
crypto = { new_hash = function(name)
  local algorithm = ({ SHA1 = 1, SHA256 = 256 })[name]
  if not algorithm then error("unsupported algorithm", 2) end
  hashId = hashId % 1000 + 1
  tell("c", hashId, algorithm)
  return setmetatable({ id = hashId, bytes = algorithm == 1 and 20 or 32 }, Hash)
end }
`

const JSON_MODULE = String.raw`
local NULL = io.stdout
local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
local function utf8(c)
  local char = string.char
  if c < 128 then return char(c) end
  if c < 2048 then return char(192 + (c - c % 64) / 64, 128 + c % 64) end
  return char(224 + (c - c % 4096) / 4096, 128 + (c % 4096 - c % 64) / 64, 128 + c % 64)
end
local value
local function blank(s, i) return string.find(s, "[^ \t\r\n]", i) or #s + 1 end
local function text(s, i)
  local parts = ""
  while true do
    local j = string.find(s, '["\\%c]', i)
    if not j then error("JSON parse error", 0) end
    parts = parts .. string.sub(s, i, j - 1)
    local c = string.sub(s, j, j)
    if c == '"' then return parts, j + 1 end
    if c ~= "\\" then error("JSON parse error", 0) end
    local e = string.sub(s, j + 1, j + 1)
    if e == "u" then
      local hex = string.match(s, "^%x%x%x%x", j + 2)
      if not hex then error("JSON parse error", 0) end
      parts, i = parts .. utf8(tonumber(hex, 16)), j + 6
    else
      if not escapes[e] then error("JSON parse error", 0) end
      parts, i = parts .. escapes[e], j + 2
    end
  end
end
local function members(s, i, close, isObject, depth)
  local result, n = {}, 0
  if depth > 20 then error("JSON too deep", 0) end
  i = blank(s, i)
  if string.sub(s, i, i) == close then return result, i + 1 end
  while true do
    local key
    if isObject then
      if string.sub(s, i, i) ~= '"' then error("JSON parse error", 0) end
      key, i = text(s, i + 1)
      i = blank(s, i)
      if string.sub(s, i, i) ~= ":" then error("JSON parse error", 0) end
      i = blank(s, i + 1)
    else
      n = n + 1
      key = n
    end
    result[key], i = value(s, i, depth)
    i = blank(s, i)
    local c = string.sub(s, i, i)
    if c == close then return result, i + 1 end
    if c ~= "," then error("JSON parse error", 0) end
    i = blank(s, i + 1)
  end
end
value = function(s, i, depth)
  local c = string.sub(s, i, i)
  if c == "{" then return members(s, i + 1, "}", true, depth + 1) end
  if c == "[" then return members(s, i + 1, "]", false, depth + 1) end
  if c == '"' then return text(s, i + 1) end
  for word, meaning in pairs({ ["true"] = true, ["false"] = false, null = NULL }) do
    if string.sub(s, i, i + #word - 1) == word then return meaning, i + #word end
  end
  local digits = string.match(s, "^-?%d+%.?%d*[eE]?[+-]?%d*", i)
  if not digits or not tonumber(digits) then error("JSON parse error", 0) end
  return tonumber(digits), i + #digits
end
local function quoted(s)
  return '"' .. string.gsub(s, '[%c"\\]', function(c) return string.format("\\u%04x", string.byte(c)) end) .. '"'
end
local function encode(v, depth)
  local kind = type(v)
  if depth > 20 then error("JSON too deep", 0) end
  if kind == "string" then return quoted(v) end
  if kind == "number" or kind == "boolean" then return tostring(v) end
  if kind ~= "table" then return "null" end
  local parts = {}
  if #v > 0 then
    for k = 1, #v do parts[k] = encode(v[k], depth + 1) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for k, member in pairs(v) do parts[#parts + 1] = quoted(tostring(k)) .. ":" .. encode(member, depth + 1) end
  return "{" .. table.concat(parts, ",") .. "}"
end
sjson = {
  NULL = NULL,
  encode = function(v) return encode(v, 0) end,
  decode = function(s)
    local v, i = value(s, blank(s, 1), 0)
    if blank(s, i) <= #s then error("JSON parse error", 0) end
    return v
  end,
}
`

/** The modules that the ESP32 and the ESP8266 do not share. */
const CHIP_MODULES: Readonly<Record<ChipName, string>> = { esp32: ESP32_MODULES, esp8266: ESP8266_MODULES }

/** The modules of a chip as one Lua text, for one version of Lua; `otaupgrade` where the chip has partitions for it. */
export function preludeOf(version: "5.1" | "5.3", { chip = "esp32", hasOta = false }: PreludeOptions = {}): string {
    const bit = version === "5.1" ? BIT_51 : BIT_53
    const shared = [bit, DEVICE, SYSTEM, JSON_MODULE, MQTT_MODULE, UART_MODULE]
    const modules = [...shared, CHIP_MODULES[chip], hasOta ? OTA_MODULE : ""].join("\n")
    // What a board does not have.
    return `${modules}\nos, package, require, dofile, debug = nil, nil, nil, nil, nil\n`
}
