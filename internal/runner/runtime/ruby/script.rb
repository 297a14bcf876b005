# Script is a compiled script.
#
# It runs at the top level, as in an interpreter of its own, and what it has
# defined there is removed afterwards. A module around it (load with wrap)
# would be simpler, but there a script's classes can not call the methods of
# its top level, and "private def" fails.
class Anyfpm::Script
  LIMIT = 1000 # scripts kept; a site with more of them forgets the oldest

  @cache = {}

  # load returns the script at a path, and whether it had to be compiled.
  def self.load(path)
    script = @cache[path]
    return [script, false] if script && script.signature == signature(path)

    @cache.delete(path)
    @cache.shift if @cache.size >= LIMIT
    [@cache[path] = new(path), true]
  end

  # preload compiles a script before the process that will run it is forked.
  # What is wrong with it is told to its clients.
  def self.preload(path)
    load(path)
  rescue ScriptError, StandardError, SystemStackError
    nil
  end

  # signature is what changes when a file does.
  def self.signature(path)
    stat = File.stat(path)
    [stat.mtime, stat.size, stat.ino]
  end

  attr_reader :path, :signature, :globals

  def initialize(path)
    @path = path
    @signature = self.class.signature(path)
    @code = RubyVM::InstructionSequence.compile_file(path)
    source = File.binread(path)
    @data = $~.end(0) if source =~ /^__END__(?:\r?\n|\z)/
    @globals = source.scan(/\$[\w\x80-\xff]+/n).uniq # the global variables that it names
  end

  # run runs the script; DATA is what follows its __END__.
  def run
    data = File.open(@path).tap { |file| file.pos = @data } if @data
    Object.const_set(:DATA, data) if data
    @code.eval
  ensure
    Object.send(:remove_const, :DATA) if data
    data&.close
  end

  # forget removes what the script has defined at the top level. What the
  # libraries have that it loaded stays.
  def forget
    Object.constants(false).each do |name|
      next if Object.autoload?(name)
      next if Object.const_source_location(name)&.first != @path

      Object.send(:remove_const, name)
    end
    (Object.private_instance_methods(false) + Object.instance_methods(false)).each do |name|
      Object.send(:remove_method, name) if Object.instance_method(name).source_location&.first == @path
    end
    forget_main
  end

  private

  # forget_main removes what the script has given to self at its top level.
  def forget_main
    main = TOPLEVEL_BINDING.receiver
    main.instance_variables.each { |name| main.remove_instance_variable(name) }
    main.singleton_methods(false).each do |name|
      main.singleton_class.send(:remove_method, name) if main.method(name).source_location&.first == @path
    end
  end
end
