-- A resident worker for CGI scripts in Lua 5.4, and nothing else: no library
-- is needed. docs/worker-protocol.md is what it speaks.
--
-- Standard Lua can neither use a socket nor receive a descriptor. So run
-- makes the control socket descriptors 0 and 1, which Lua has files for, and
-- keeps the pipe for the response as descriptor 4; and the worker says that it
-- takes request bodies of any length in the message.

local control_in, control_out = io.stdin, io.stdout
control_out:setvbuf("full", 65536)

local function send(kind, content)
  control_out:write(string.pack(">s4", kind .. content))
  control_out:flush()
end

-- receive returns the type and the content of a message. The end of the
-- stream is the end of the worker.
local function receive()
  local head = control_in:read(4)
  if not head then os.exit(0) end
  local length = string.unpack(">I4", head)
  local message = control_in:read(length)
  if not message then os.exit(0) end
  return message:sub(1, 1), message:sub(2)
end

-- strings iterates over NUL-terminated strings.
local function strings(content)
  return content:gmatch("([^\0]*)\0")
end

local function start()
  local kind, content = receive()
  local version = strings(content)()
  if kind ~= "S" or version ~= "1" then
    io.stderr:write("this worker speaks version 1 of the worker protocol\n")
    os.exit(1)
  end
  send("H", "1\0lua\0" .. _VERSION:match("%S+$") .. "\0" .. "0\0" .. "4294967295\0")
end

-- exit is thrown by os.exit, to end a script and not the worker.
local exit = {}

-- environment returns the globals of a new script, and the list that its
-- output is collected in.
local function environment(variables, body)
  local output = {}
  local position = 1
  local globals = setmetatable({}, { __index = _G })
  local file = {} -- io.stdin and io.stdout: the real ones are the control socket
  function file:write(...)
    for _, value in ipairs({ ... }) do output[#output + 1] = tostring(value) end
    return file
  end
  function file:read(format)
    local rest = body:sub(position)
    if format == "a" then position = #body + 1 return rest end
    if rest == "" then return nil end
    local line, past = rest:match("^([^\n]*)\n?()")
    position = position + past - 1
    return line
  end
  function file:flush() return file end
  function globals.print(...)
    local values = table.pack(...)
    for i = 1, values.n do values[i] = tostring(values[i]) end
    file:write(table.concat(values, "\t"), "\n")
  end
  globals.io = setmetatable({
    stdin = file,
    stdout = file,
    write = function(...) return file:write(...) end,
    read = function(format) return file:read(format) end,
  }, { __index = io })
  globals.os = setmetatable({
    getenv = function(name) return variables[name] or os.getenv(name) end,
    exit = function(status)
      exit.status = status == true and 0 or status == false and 1 or math.tointeger(status) or 0
      error(exit, 0)
    end,
    -- A child writes to the pipe, and must not read the control socket.
    execute = function(command) return os.execute("exec </dev/null >&4; " .. command) end,
  }, { __index = os })
  globals._G = globals
  return globals, output
end

local FAILED, DRAIN = 2, 8 + 16 -- flags of END

local function serve(kind, content)
  local body = ""
  if kind == "B" then
    local length = string.unpack(">I4", content)
    body = content:sub(5 + length)
    content = content:sub(5, 4 + length)
  end
  local next_string = strings(content)
  local script = next_string()
  local arguments = { [0] = script }
  for i = 1, tonumber(next_string()) do arguments[i] = next_string() end
  local variables = {}
  for name in next_string do variables[name] = next_string() end

  local globals, output = environment(variables, body)
  globals.arg = arguments
  local flags, status = DRAIN, 0
  local chunk, message = loadfile(script, "t", globals)
  if chunk then
    local ok
    ok, message = xpcall(chunk, function(problem)
      return problem == exit and exit or debug.traceback(tostring(problem), 2)
    end, table.unpack(arguments))
    if ok then message = nil end
  end
  if message == exit then
    status = exit.status & 255
  elseif message then
    io.stderr:write("lua: ", message, "\n")
    flags, status = flags | FAILED, 1
  end
  local tail = table.concat(output)
  if #tail > 1000000 then -- a frame has a limit, the pipe has none
    local pipe = assert(io.popen("exec cat >&4", "w"))
    pipe:write(tail)
    pipe:close()
    tail = ""
  end
  send("E", string.char(flags, status) .. tail)
end

start()
while true do serve(receive()) end
