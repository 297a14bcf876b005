# State is what a request may change in its process, and how it is put back.
class Anyfpm::State
  GLOBALS = [:$,, :$/, :$;, :$\, :$VERBOSE, :$DEBUG] # those that can be assigned

  MAX_KEPT = 16 << 20 # bytes
  MAX_RECENT = 1000

  # traps are the handlers that were replaced, by signal: asking for all of
  # them, with every request, would take long.
  @traps = {}
  class << self
    attr_reader :traps
  end

  def initialize
    self.class.traps.clear
    @environment = ENV.to_h
    @kept = 0
    @recent = {} # hashes of what is known to be counted in @kept
    @load_path = $LOAD_PATH.dup
    @umask = File.umask
    @threads = Thread.list
    @thread_manners = [Thread.abort_on_exception, Thread.report_on_exception]
    @globals = GLOBALS.map { |name| [name, eval(name.to_s)] }
    @known_globals = global_variables
    @encodings = [Encoding.default_external, Encoding.default_internal]
  end

  # environment= makes the environment that of the process and these variables.
  def environment=(variables)
    wanted = @environment.merge(variables)
    present = ENV.to_h
    wanted.each do |name, value|
      next if present[name] == value

      ENV[name] = value
      note(name, value)
    end
    (present.keys - wanted.keys).each { |name| ENV.delete(name) } if ENV.size > wanted.size
  end

  # environment_full? tells whether it is time for a new process: the C library
  # never frees what a variable was once set to.
  def environment_full?
    @kept > MAX_KEPT
  end

  # restore puts everything back but the environment and the working directory.
  def restore(script)
    (Thread.list - @threads).each { |thread| thread.kill.join }
    restore_traps
    Thread.abort_on_exception, Thread.report_on_exception = @thread_manners
    restore_globals(script&.globals || [])
    ARGF.lineno = 0 # and $. with it
    File.umask(@umask)
    restore_load_path if $LOAD_PATH != @load_path
    return if [Encoding.default_external, Encoding.default_internal] == @encodings

    Encoding.default_external, Encoding.default_internal = @encodings
  end

  # children? reaps what has ended, and tells whether a child is still alive.
  def children?
    loop { return true unless Process.waitpid(-1, Process::WNOHANG) }
  rescue Errno::ECHILD
    false
  end

  private

  def note(*variable)
    key = variable.hash
    return if @recent[key]

    @kept += variable.sum(&:bytesize) + 64
    @recent.clear if @recent.size == MAX_RECENT
    @recent[key] = true
  end

  def restore_traps
    traps = self.class.traps
    return if traps.empty?

    traps.to_a.each { |signal, handler| trap(signal, handler || "DEFAULT") }
    traps.clear
  end

  # restore_load_path keeps the directories of gems, in the place where
  # RubyGems puts them: a gem is activated only once.
  def restore_load_path
    gems = defined?(Gem) ? Gem.loaded_specs.each_value.flat_map(&:full_require_paths) : []
    site = @load_path.index(RbConfig::CONFIG["sitelibdir"]) || 0
    @load_path.insert(site, *((gems & $LOAD_PATH) - @load_path))
    $LOAD_PATH.replace(@load_path)
  end

  # restore_globals also forgets the global variables that the script has
  # made; they are nil, as before. Those that it does not name are a library's.
  def restore_globals(names)
    $VERBOSE = nil # some of them are deprecated
    (global_variables - @known_globals).each do |name|
      eval("#{name} = nil") if names.include?(name.to_s.b)
    rescue NameError
      next # a library's that can not be assigned
    end
    @globals.each { |name, value| eval("#{name} = value") unless eval(name.to_s).equal?(value) }
  end
end

# What a script calls as trap remembers the old handler.
[Kernel, Kernel.singleton_class, Signal.singleton_class].each do |place|
  original = place.instance_method(:trap)
  place.define_method(:trap) do |signal, *command, &block|
    old = original.bind_call(self, signal, *command, &block)
    traps = Anyfpm::State.traps
    traps[signal] = old unless traps.key?(signal)
    old
  end
end
Kernel.send(:private, :trap)
