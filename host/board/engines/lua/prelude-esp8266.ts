// The ESP8266's own modules in Lua, over the device: what the firmware's C code is on a real board (branch release, 2024).

/**
 * `file` (app/modules/file.c over SPIFFS: four open files, 1,024 bytes where `read` is not told how many, names of 31 characters, no place
 * behind the end), `net` (app/modules/net.c over lwIP: 2,920 bytes to be sent, errors raised), time, watchdog and collector.
 */
export const ESP8266_MODULES = String.raw`
tmr.now = function() return ask("m", 0, 0) end
tmr.softwd = function(seconds) tell("W", 0, seconds) end
rtctime = { get = function() return ask("n", 0, 0), 0, 0 end }
node.egc = {
  NOT_ACTIVE = 0, ON_ALLOC_FAILURE = 1, ON_MEM_LIMIT = 2, ALWAYS = 4,
  setmode = function(mode, limit)
    if mode > 7 then error("invalid mode", 2) end
    if mode % 4 > 1 and limit == 0 then error("limit must be non-zero", 2) end
    -- This machine cannot collect in the middle of an allocation: it collects whole rounds all the time instead, and ahead of compiling.
    collectgarbage("setpause", 100)
    collectgarbage("setstepmul", 0)
    collectgarbage()
  end,
}
local level = 1
local function compiled(run, trouble)
  if run and level == 3 then tell("D", tonumber(string.match(tostring(run), "%x+$"), 16), 0) end
  return run, trouble
end
node.stripdebug = function(wanted) level = wanted or level end
local plainLoad, plainLoadString = load, loadstring
load = function(...) collectgarbage() return compiled(plainLoad(...)) end
loadstring = plainLoadString and function(...) collectgarbage() return compiled(plainLoadString(...)) end
local openFile, openFiles = io.open, 0
local File = {}
File.__index = File
local MODES = { r = "r", w = "w", a = "a", ["r+"] = "r+", ["w+"] = "w+", ["a+"] = "a+" }
local function checked(name)
  if type(name) ~= "string" or #name > 31 then error("filename invalid", 3) end
  return name
end
file = {
  open = function(name, mode)
    if openFiles == 4 then return nil end
    local handle = openFile(checked(name), MODES[mode or "r"] or "r")
    if not handle then return nil end
    openFiles = openFiles + 1
    return setmetatable({ handle = handle }, File)
  end,
  exists = function(name)
    local handle = openFile(checked(name), "r")
    if handle then handle:close() end
    return handle ~= nil
  end,
}
local function handleOf(self) return self.handle or error("open a file first", 3) end
function File:read(count) return handleOf(self):read(count or 1024) end
function File:write(text) return handleOf(self):write(text) and true or nil end
function File:flush() return handleOf(self):flush() and true or nil end
function File:seek(whence, offset)
  local handle = handleOf(self)
  local at, size = handle:seek("cur", 0), handle:seek("end", 0)
  local base = ({ set = 0, cur = at, ["end"] = size })[whence or "cur"]
  if not base then error("bad argument", 2) end
  at = base + (offset or 0)
  if at >= 0 and at <= size then return handle:seek("set", at) end
end
function File:close()
  if not self.handle then return end
  self.handle:close()
  self.handle = nil
  openFiles = openFiles - 1
end
local EVENTS = { c = "connection", s = "sent", r = "receive", d = "disconnection" }
local Socket = {}
Socket.__index = Socket
net = {
  TCP = 1,
  createConnection = function() return setmetatable({ callbacks = {}, unsent = 0 }, Socket) end,
}
function Socket:on(event, run)
  if event ~= "connection" and event ~= "sent" and event ~= "receive" and event ~= "disconnection" then
    error("invalid callback name", 2)
  end
  self.callbacks[event] = run
end
function Socket:hear(kind, code, text)
  if kind == "c" then self.isConnected = true end
  if kind == "s" then self.unsent = self.unsent - code end
  if kind == "d" then self:forget() end
  local run = self.callbacks[EVENTS[kind]]
  if run then run(self, kind == "r" and text or code) end
end
function Socket:forget()
  handlers[self.id] = nil
  self.id, self.isConnected = nil, false
end
function Socket:connect(port, host)
  if self.id then error("already connected", 2) end
  if port == 0 then error("specify port", 2) end
  self.id = newId(function(kind, code, text) self:hear(kind, code, text) end)
  tell("s", self.id, port, host)
end
function Socket:send(text)
  if #text == 0 then error("no data to send", 2) end
  if not self.isConnected then error("not connected", 2) end
  if self.unsent + #text > 2920 then error("out of memory", 2) end
  self.unsent = self.unsent + #text
  tell("S", self.id, 0, text)
end
function Socket:hold() if self.id then tell("p", self.id, 1) end end
function Socket:unhold() if self.id then tell("p", self.id, 0) end end
function Socket:close()
  if not self.id then error("not connected", 2) end
  tell("z", self.id, 0)
  self:forget()
end
io = nil
`
