// NodeMCU's module `mqtt` for a Lua board: each client is a connection of the host's own.

import type { HostMqtt } from "../../../../shims/host/mqtt"
import type { Device } from "./device"
import type { Handler } from "./modules"

/** The module as Lua text, behind the text of the device (prelude.ts). As in the firmware, texts are cut where its buffers end. */
export const MQTT_MODULE = String.raw`
local Client = {}
Client.__index = Client
mqtt = { Client = function(id, keepalive, user, password, clean)
  local self = setmetatable({ callbacks = {} }, Client)
  self.options = string.sub(id, 1, 32) .. "\n" .. string.sub(user or "", 1, 32) .. "\n" .. string.sub(password or "", 1, 65)
  self.keepalive = keepalive
  return self
end }
function Client:on(event, run)
  if event ~= "connect" and event ~= "message" and event ~= "offline" then error("invalid option '" .. event .. "'", 2) end
  self.callbacks[event] = run
end
function Client:run(kind, code, text)
  local connected, failed = self.connected, self.failed
  if kind == "M" then
    local run = self.callbacks.message
    if run then run(self, string.match(text, "^([^\n]*)\n(.*)$")) end
    return
  end
  self.connected, self.failed = nil, nil
  if kind == "c" then
    if connected then connected(self) end
    if self.callbacks.connect then self.callbacks.connect(self) end
  else
    self.isOpen = false
    handlers[self.id] = nil
    if failed then failed(self, -6) end
    if self.callbacks.offline then self.callbacks.offline(self) end
  end
end
function Client:connect(host, port, secure, connected, failed)
  self:close()
  self.connected, self.failed = connected, failed
  self.id = newId(function(kind, code, text) self:run(kind, code, text) end)
  self.isOpen = true
  tell("q", self.id, self.keepalive, host .. "\n" .. (port or 1883) .. "\n" .. (secure or 0) .. "\n" .. self.options)
  return true
end
function Client:subscribe(topic, qos)
  if not self.isOpen then error("not connected", 2) end
  tell("Q", self.id, qos, topic)
  return true
end
function Client:close()
  if not self.isOpen then return end
  self.isOpen = false
  handlers[self.id] = nil
  tell("z", self.id, 0)
end
`

/** A longer message comes in pieces, each an event, of which only the first names the topic (esp-mqtt's buffer). */
const PIECE_BYTES = 1024

/** Its operations. */
export function mqttHandlers(
    createMqtt: () => HostMqtt,
    device: () => Device,
    deliver: (this: void) => void,
): Record<string, Handler> {
    const clients = new Map<number, HostMqtt>()
    const tell = (kind: string, id: number, text: string): void => {
        device().event(kind, id, 0, Buffer.from(text, "latin1"))
        deliver()
    }
    return {
        q({ a: id, b: keepaliveS, bytes }) {
            const [host = "", port, secure, clientId = "", user = "", password = ""] = bytes.toString("latin1").split("\n")
            const client = createMqtt()
            clients.set(id, client)
            const options = { host, port: Number(port), isSecure: secure === "1", clientId, user, password, keepaliveS }
            client.connect(options, {
                onConnect: () => tell("c", id, ""),
                onMessage(topic, payload) {
                    tell("M", id, `${topic}\n${payload.slice(0, PIECE_BYTES)}`)
                    for (let at = PIECE_BYTES; at < payload.length; at += PIECE_BYTES)
                        tell("M", id, `\n${payload.slice(at, at + PIECE_BYTES)}`)
                },
                onEnd() {
                    clients.delete(id)
                    tell("o", id, "")
                },
            })
        },
        Q: ({ a: id, bytes }) => clients.get(id)?.subscribe(bytes.toString("latin1")),
        z({ a: id }) {
            clients.get(id)?.close()
            clients.delete(id)
        },
    }
}
