// NodeMCU's modules in Lua, over the device: what the firmware's C code is on a real board.

import { DEVICE_NAME } from "./calls"
import { MQTT_MODULE } from "./mqtt"
import { UART_MODULE } from "./uart"

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
  uptime = function() return ask("m", 0, 0) end,
  random = function(low, high) return ask("r", low, high) end,
  stripdebug = function() end,
  restart = function() tell("R", 0, 0) error("restart", 0) end,
}
time = { get = function() return ask("n", 0, 0) end }
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

const HTTP_MODULE = String.raw`
local Connection = {}
Connection.__index = Connection
http = { GET = 0, POST = 1, ACKNOW = 0, DELAYACK = 1 }
function http.createConnection(url, method, options)
  local self = setmetatable({ callbacks = {}, isBusy = false, isHeld = false, inCallback = false }, Connection)
  self.options, self.method, self.url = options, method, url
  return self
end
function Connection:on(event, run) self.callbacks[event] = run end
function Connection:setbody(body)
  if self.isBusy then error("request in progress", 2) end
  self.body = body
end
local function headerTable(text)
  local headers = {}
  for name, content in string.gmatch(text, "([^\n:]+): ([^\n]*)\n") do headers[name] = content end
  return headers
end
function Connection:run(kind, code, text)
  local run
  self.inCallback = true
  if kind == "h" then
    run = self.callbacks.headers
    if run then run(code, headerTable(text)) end
  elseif kind == "d" then
    run = self.callbacks.data
    self.isHeld = run ~= nil and run(code, text) == http.DELAYACK
    if not self.isHeld then tell("a", self.id, 0) end
  else
    handlers[self.id] = nil
    self.isBusy = false
    run = self.callbacks.complete
    if run then run(code, false) end
  end
  self.inCallback = false
end
function Connection:request()
  if self.isBusy then error("request in progress", 2) end
  self.isBusy = true
  self.id = newId(function(kind, code, text) self:run(kind, code, text) end)
  tell("h", self.id, self.method, self.url)
  for name, content in pairs(self.options.headers) do tell("H", self.id, 0, name .. "\n" .. content) end
  if self.body then tell("b", self.id, 0, self.body) end
  tell("g", self.id, self.options.bufsz)
end
function Connection:ack()
  if not self.isHeld then error("no delayed callback", 2) end
  self.isHeld = false
  tell("a", self.id, 0)
end
function Connection:close()
  if not self.isBusy then return end
  if not self.inCallback and not self.isHeld then error("request in progress", 2) end
  tell("x", self.id, 0)
end
`

const OTA_MODULE = String.raw`
local function checked(op, text)
  local length = ask(op, 0, 0, text)
  if length > 0 then error(inp:read(length), 2) end
end
otaupgrade = {
  commence = function() checked("C") end,
  write = function(text) checked("O", text) end,
  complete = function() checked("E") end,
  accept = function() checked("A") end,
  rollback = function() checked("B") error("restart", 0) end,
  info = function()
    local text = inp:read(ask("i", 0, 0))
    local running, next = string.match(text, "(%S+) (%S+)\n")
    local partitions = {}
    for label, state, version in string.gmatch(text, "(%S+)=(%S*) (%S*)\n") do
      partitions[label] = state == "" and {} or { state = state, version = version, name = "NodeMCU" }
    end
    return running, next, partitions
  end,
}
`

/** The modules as one Lua text, for one version of Lua; `otaupgrade` where the chip has partitions for it. */
export function preludeOf(version: "5.1" | "5.3", hasOta = false): string {
    const bit = version === "5.1" ? BIT_51 : BIT_53
    const modules = [bit, DEVICE, SYSTEM, HTTP_MODULE, MQTT_MODULE, UART_MODULE, hasOta ? OTA_MODULE : "", JSON_MODULE].join("\n")
    // What a board does not have.
    return `${modules}\nos, package, require, dofile, debug = nil, nil, nil, nil, nil\n`
}
