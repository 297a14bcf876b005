-- A CGI script in Lua.
print("Content-Type: text/plain")
print()
print("hello, " .. (os.getenv("REMOTE_ADDR") or "world"))
runs = (runs or 0) + 1
print("run " .. runs .. " of this script's globals")
