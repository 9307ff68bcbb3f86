// The ESP32's own modules in Lua, over the device: what the firmware's C code is on a real board (branch dev-esp32).

/** Time and HTTP of the ESP32; its files are Lua's own `io`. */
export const ESP32_MODULES = String.raw`
node.uptime = function() return ask("m", 0, 0) end
time = { get = function() return ask("n", 0, 0) end }
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

/** Native firmware of the ESP32. */
export const OTA_MODULE = String.raw`
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
