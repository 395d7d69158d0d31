-- One request, again and again: BENCH_METHOD, BENCH_PATH, BENCH_BODY, BENCH_AUTHORIZATION. Good is 200 with BENCH_EXPECT in the body.
dofile(os.getenv("BENCH_REPORT"))

local authorization, body, expect = setting("AUTHORIZATION"), setting("BODY"), setting("EXPECT")
local headers = authorization ~= "" and { ["Authorization"] = authorization } or {}
if body ~= "" then headers = form_headers(authorization) end
local prepared

function init() prepared = wrk.format(setting("METHOD"), setting("PATH"), headers, body ~= "" and body or nil) end

function request() return prepared end

function response(status, _, answer)
  if status == 200 and answer:find(expect, 1, true) then good() else bad(status .. " " .. answer) end
end
