// NodeMCU's module `uart` for a Lua board: its second UART is the board's serial line, the others lead nowhere.

import type { Uart } from "../../../../firmware/ports"
import type { Device } from "./device"
import type { Handler } from "./modules"

/** The module as Lua text, behind the text of the device (prelude.ts). As in the firmware, data comes at an end character or 255 bytes. */
export const UART_MODULE = String.raw`
local INPUT_MAX = 255
local lines = {}
local function line(id)
  if id < 0 or id > 2 then error("uart id out of range", 3) end
  return lines[id]
end
uart = {
  PARITY_NONE = 0,
  STOPBITS_1 = 1,
  setup = function(id, baud, bits, parity, stop, pins)
    line(id)
    if id ~= 0 and (not pins.tx or not pins.rx) then error("table expected", 2) end
    lines[id] = { held = "", baud = baud }
    return baud
  end,
  start = function(id)
    local own = line(id)
    if not own then return false end
    own.isStarted = true
    if id ~= 2 then return true end
    own.event = newId(function(_, _, text)
      if not own.run then return end
      own.held = own.held .. text
      while true do
        local at = string.find(own.held, own.stop, 1, true)
        if not at or at > INPUT_MAX then at = INPUT_MAX end
        if #own.held < at then return end
        local piece = string.sub(own.held, 1, at)
        own.held = string.sub(own.held, at + 1)
        own.run(piece)
      end
    end)
    tell("o", own.event, own.baud)
    return true
  end,
  on = function(id, event, stop, run)
    if type(stop) ~= "string" or #stop ~= 1 then error("wrong arg range", 2) end
    local own = line(id)
    own.stop, own.run = stop, run
  end,
  write = function(id, text)
    local own = line(id)
    if id == 2 and own and own.isStarted then tell("y", 0, 0, text) end
  end,
}
`

/** Bytes of one event; the driver hands on what its queue holds. */
const PIECE_BYTES = 120

/** Its operations. */
export function uartHandlers(uart: Uart, device: () => Device, deliver: (this: void) => void): Record<string, Handler> {
    return {
        o({ a: event, b: baud }) {
            uart.open({ port: 2, baud, tx: -1, rx: -1, path: "" }, text => {
                for (let at = 0; at < text.length; at += PIECE_BYTES) {
                    device().event("u", event, 0, Buffer.from(text.slice(at, at + PIECE_BYTES), "latin1"))
                    deliver()
                }
            })
        },
        y: ({ bytes }) => uart.write(bytes.toString("latin1")),
    }
}
