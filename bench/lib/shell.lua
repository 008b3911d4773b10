--- Runs programs through the shell and reads what they print.

local shell = {}

--- A word that the shell takes as it is.
---@param word string
---@return string
function shell.quote(word)
  if word:find("^[%w_./:=,@%%+-]+$") then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Words as one command line.
---@param words string[]
---@return string
function shell.join(words)
  local quoted = {}
  for i, word in ipairs(words) do
    quoted[i] = shell.quote(word)
  end
  return table.concat(quoted, " ")
end

local error_file

--- Runs a command line to its end.
---@param line string
---@return string output what it wrote to standard output
---@return integer code exit code, or 128 and the number of the signal that ended it
---@return string message the last line of standard error, "" if there was none
function shell.run(line)
  error_file = error_file or os.tmpname()
  local pipe = assert(io.popen("{ " .. line .. "\n} 2>" .. shell.quote(error_file)))
  local output = pipe:read("a")
  local _, how, code = pipe:close()
  local message = ""
  for text in io.lines(error_file) do
    if text:find("%S") then message = text end
  end
  return output, how == "signal" and 128 + code or code, message
end

--- Removes the temporary file of `run`.
function shell.clean()
  if error_file then os.remove(error_file) end
  error_file = nil
end

--- The output of a command line without its last newline, or nil if it failed or gave nothing.
---@param line string
---@return string?
function shell.capture(line)
  local output, code = shell.run(line)
  output = output:gsub("%s+$", "")
  if code ~= 0 or output == "" then return nil end
  return output
end

return shell
